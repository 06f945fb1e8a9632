import type { Flags, FlagValues } from "./flags.js";

/** What a verb was called with. */
export interface Invocation<F extends Flags> {
  readonly args: readonly string[];
  readonly flags: FlagValues<F>;
  /** How many of `args` stand before a "--"; undefined without one. */
  readonly separator: number | undefined;
}

/** One command, such as "get" or "save" of "snapshot". */
export interface Verb<Context> {
  readonly name: string;
  readonly aliases?: readonly string[];
  /** The line behind "Usage:", without the tool's name. */
  readonly usage: string;
  readonly summary: string;
  readonly description?: string;
  readonly flags: Flags;
  run(context: Context, invocation: Invocation<Flags>): Promise<void>;
}

/** Verbs behind a common word. */
export interface Group<Context> {
  readonly name: string;
  readonly summary: string;
  readonly verbs: readonly Verb<Context>[];
}

export type Entry<Context> = Verb<Context> | Group<Context>;

export function isGroup<Context>(entry: Entry<Context>): entry is Group<Context> {
  return "verbs" in entry;
}

/** A verb whose `run` knows the types of its own flags. */
export type VerbSpec<Context, F extends Flags> = Omit<Verb<Context>, "flags" | "run"> & {
  readonly flags: F;
  run(context: Context, invocation: Invocation<F>): Promise<void>;
};

export function verb<Context, F extends Flags>(spec: VerbSpec<Context, F>): Verb<Context> {
  // The program hands each verb the values of the flags that the verb itself names.
  return { ...spec, run: (context, call) => spec.run(context, call as Invocation<F>) };
}
