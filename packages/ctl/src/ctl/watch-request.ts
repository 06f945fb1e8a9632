import type { Client, Watcher } from "@kvorum/client";
import { badArguments, failure } from "../cli/ctl-error.js";
import { type FlagValues, flag } from "../cli/flags.js";

export const watchFlags = {
  interactive: flag.bool("Interactive mode", false, { shorthand: "i" }),
  prefix: flag.bool("Watch on a prefix if prefix is set"),
  rev: flag.int("Revision to start watching"),
  "prev-kv": flag.bool("get the previous key-value pair before the event happens"),
  "progress-notify": flag.bool("get periodic watch progress notification from server"),
} as const;

export type WatchFlags = FlagValues<typeof watchFlags>;

export interface SplitWatch {
  readonly keys: readonly string[];
  /** To run at each event; empty for none. */
  readonly command: readonly string[];
}

/** Keys before "--", a command behind it. @throws CtlError "badArguments" with etcdctl's texts */
export function splitWatch(
  given: { readonly args: readonly string[]; readonly separator: number | undefined },
  fromEnvironment: readonly string[],
): SplitWatch {
  const { args, separator } = given;
  const keys = args.slice(0, separator);
  const command = separator === undefined ? [] : args.slice(separator);
  if (separator !== undefined && command.length === 0) {
    throw badArguments("bad number of arguments (found separator --, but no commands)");
  }
  if (fromEnvironment.length > 0 && keys.length > 0) {
    throw badArguments("bad number of arguments (found conflicting environment key)");
  }
  const all = [...fromEnvironment, ...keys];
  if (all.length === 0) throw badArguments("bad number of arguments");
  return { keys: all, command };
}

/** @throws CtlError "badArguments" */
export function startWatch(client: Client, keys: readonly string[], flags: WatchFlags): Watcher {
  const [key, rangeEnd] = keys;
  if (rangeEnd !== undefined && flags.prefix) {
    throw badArguments("`range_end` and `--prefix` are mutually exclusive");
  }
  try {
    return client.watch(key!, {
      rangeEnd: keys.length === 2 ? rangeEnd : undefined,
      prefix: flags.prefix,
      startRevision: flags.rev,
      prevKv: flags["prev-kv"],
      progressNotify: flags["progress-notify"],
    });
  } catch (cause) {
    throw failure("badArguments", cause);
  }
}
