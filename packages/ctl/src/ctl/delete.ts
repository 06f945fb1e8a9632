import { goQuote } from "@kvorum/base";
import { nodeClock } from "@kvorum/base/node";
import type { Bytes, DeleteOptions } from "@kvorum/client";
import { badArguments } from "../cli/ctl-error.js";
import { type FlagValues, flag } from "../cli/flags.js";
import type { Io } from "../cli/io.js";
import { ctlVerb } from "./context.js";

export const deleteFlags = {
  prefix: flag.bool("delete keys with matching prefix"),
  "prev-kv": flag.bool("return deleted key-value pairs"),
  "from-key": flag.bool(
    "delete keys that are greater than or equal to the given key using byte compare",
  ),
  range: flag.bool("delete range of keys"),
} as const;

/** Time to think again before a range is deleted without --range; etcdctl's. */
const SECOND_THOUGHTS_MS = 2_000;

export const del = ctlVerb({
  name: "del",
  usage: "del [options] <key> [range_end]",
  summary: "Removes the specified key or range of keys [key, range_end)",
  flags: deleteFlags,
  async run(context, { args, flags }) {
    const { key, options } = await readDelete(args, flags, context.io);
    const { kv } = await context.client();
    const response = await kv.delete(key, { ...options, timeoutMs: context.timeoutMs });
    context.display.show("delete", response);
  },
});

export interface Delete {
  readonly key: Bytes;
  readonly options: DeleteOptions;
}

/** What a line "del …" asks for. @throws CtlError "badArguments" */
export async function readDelete(
  args: readonly Bytes[],
  flags: FlagValues<typeof deleteFlags>,
  io: Io,
): Promise<Delete> {
  const [key, rangeEnd] = args;
  if (key === undefined || args.length > 2) {
    throw badArguments(
      "del command needs one argument as key and an optional argument as range_end",
    );
  }
  if (flags.prefix && flags["from-key"]) {
    throw badArguments("`--prefix` and `--from-key` cannot be set at the same time, choose one");
  }
  if (rangeEnd !== undefined) {
    if (flags.prefix || flags["from-key"]) {
      throw badArguments(
        "too many arguments, only accept one argument when `--prefix` or `--from-key` is set",
      );
    }
    if (!flags.range) {
      const between = `${goQuote(key)} and ${goQuote(rangeEnd)}`;
      io.stderr.write(
        `Warning: Keys between ${between} will be deleted. Please interrupt the command within ` +
          "next 2 seconds to cancel. You can provide `--range` flag to avoid the delay.\n",
      );
      await new Promise<void>((resolve) => nodeClock.after(SECOND_THOUGHTS_MS, resolve));
    }
  }
  const options = {
    rangeEnd,
    prefix: flags.prefix,
    fromKey: flags["from-key"],
    prevKv: flags["prev-kv"],
  };
  return { key, options };
}
