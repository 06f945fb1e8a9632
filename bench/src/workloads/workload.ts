import type { LoadOptions } from "../load/load-options.js";
import type { LoadResult } from "../load/load-result.js";

/** What a workload may do to the server beyond its requests, where the run owns it. */
export interface ServerControl {
  readonly dataDir: string;
  /**
   * Stops the server as an operator does and starts it on the same data. Resolves to the
   * milliseconds from the start of the new process to its first answer.
   */
  restart(): Promise<number>;
  /** Restores a snapshot file into a new data directory and starts a server on it. */
  restore(file: string): Promise<RestoredServer>;
}

export interface RestoredServer {
  readonly endpoint: string;
  /** What the restoring alone took. */
  readonly restoreMs: number;
  stop(): Promise<void>;
}

export interface WorkloadContext {
  readonly load: LoadOptions;
  /** Undefined against a server that somebody else runs. */
  readonly server: ServerControl | undefined;
  /** Set in a process that runs a share of the load. */
  readonly team?: Team;
}

/** The generator processes of one load, as one of them sees them. */
export interface Team {
  /** Its own place, from 0. */
  readonly index: number;
  readonly size: number;
  /** Resolves once all have called it. */
  meet(): Promise<void>;
}

export interface Workload {
  /** As on the command line. */
  readonly name: string;
  /** One line for people. */
  readonly title: string;
  /** Heading under which a report shows it. */
  readonly family?: string;
  /** True where every key of the key space must have been put before. */
  readonly needsFill: boolean;
  /** True where the run must own the server, which must keep its data. */
  readonly needsControl?: boolean;
  /** True where several processes may each run a share of it. */
  readonly canSplit?: boolean;
  run(context: WorkloadContext): Promise<LoadResult>;
}
