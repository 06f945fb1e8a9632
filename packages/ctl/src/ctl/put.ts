import type { Bytes, PutOptions } from "@kvorum/client";
import { badArguments } from "../cli/ctl-error.js";
import { type FlagValues, flag } from "../cli/flags.js";
import { type Io, readAll } from "../cli/io.js";
import { ctlVerb } from "./context.js";
import { parseLease } from "./ids.js";

export const putFlags = {
  lease: flag.string("lease ID (in hexadecimal) to attach to the key", "0"),
  "prev-kv": flag.bool("return the previous key-value pair before modification"),
  "ignore-value": flag.bool("updates the key using its current value"),
  "ignore-lease": flag.bool("updates the key using its current lease"),
} as const;

export const put = ctlVerb({
  name: "put",
  usage: "put [options] <key> <value> (<value> can also be given from stdin)",
  summary: "Puts the given key into the store",
  description: `Puts the given key into the store.

When <value> begins with '-', <value> is interpreted as a flag.
Insert '--' for workaround:

$ put <key> -- <value>
$ put -- <key> <value>

If <value> isn't given as a command line argument and '--ignore-value' is not specified,
this command tries to read the value from standard input.

For example,
$ cat file | put <key>
will store the content of the file to <key>.`,
  flags: putFlags,
  async run(context, { args, flags }) {
    const { key, value, options } = await readPut(args, flags, context.io);
    const client = await context.client();
    const timeoutMs = context.timeoutMs;
    context.display.show("put", await client.kv.put(key, value, { ...options, timeoutMs }));
  },
});

export interface Put {
  readonly key: Bytes;
  readonly value: Bytes;
  readonly options: PutOptions;
}

/** What a line "put …" asks for. @throws CtlError "badArguments" */
export async function readPut(
  args: readonly Bytes[],
  flags: FlagValues<typeof putFlags>,
  io: Io,
): Promise<Put> {
  const [key, inline] = args;
  if (key === undefined) throw badArguments(NEEDS);
  if (flags["ignore-value"] && args.length > 1) {
    throw badArguments("put command needs only 1 argument when 'ignore-value' is set");
  }
  const value = flags["ignore-value"] ? "" : (inline ?? (await readAll(io.stdin)));
  if (inline === undefined && !flags["ignore-value"] && value.length === 0) {
    throw badArguments(NEEDS);
  }
  const options = {
    lease: parseLease(flags.lease, "bad lease ID"),
    prevKv: flags["prev-kv"],
    ignoreValue: flags["ignore-value"],
    ignoreLease: flags["ignore-lease"],
  };
  return { key, value, options };
}

const NEEDS = "put command needs 1 argument and input from stdin or 2 arguments";
