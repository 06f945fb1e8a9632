import type { Engine } from "@kvorum/backends";

/** One thing to time. */
export interface MicroCase {
  readonly name: string;
  /** Operations that one call of `run` makes. */
  readonly operations: number;
  readonly run: () => void | Promise<void>;
}

export interface OpenStage {
  readonly cases: readonly MicroCase[];
  close(): Promise<void>;
}

/** A stage of a request's way through a node, timed by itself. */
export interface Stage {
  readonly name: string;
  /** True where every engine is timed; else `engine` is the memory engine. */
  readonly isPerEngine: boolean;
  /** @param context.directory empty, the stage's own, removed afterwards */
  open(context: { readonly directory: string; readonly engine: Engine }): Promise<OpenStage>;
}

/** The sizes of the design's goals. */
export const KEY_BYTES = 16;
export const VALUE_BYTES = 256;
/** Records that are there before a read is timed. */
export const RECORDS = 50_000;
