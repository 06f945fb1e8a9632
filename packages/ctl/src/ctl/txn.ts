import { type Bytes, type Comparison, type Op, op } from "@kvorum/client";
import { badArguments, CtlError } from "../cli/ctl-error.js";
import { flag } from "../cli/flags.js";
import { splitWords } from "../cli/go-words.js";
import { type Io, readLines } from "../cli/io.js";
import { readFlags } from "../cli/read-flags.js";
import { scanArguments } from "../cli/scan-arguments.js";
import { ctlVerb } from "./context.js";
import { del, deleteFlags, readDelete } from "./delete.js";
import { get, getFlags, readGet } from "./get.js";
import { parseCompare } from "./parse-compare.js";
import { put, putFlags, readPut } from "./put.js";

export const txn = ctlVerb({
  name: "txn",
  usage: "txn [options]",
  summary: "Txn processes all the requests in one transaction",
  description: `Txn reads multiple etcd requests from standard input and applies them as a single atomic transaction.

A transaction consists of three components:
1) a list of conditions,
2) a list of requests to apply if all the conditions are true,
3) a list of requests to apply if any condition is false.

Example interactive stdin usage:

---
kvorumctl txn -i
# compares:
mod("key1") > "0"

# success requests (get, put, delete):
put key1 "overwrote-key1"

# failure requests (get, put, delete):
put key1 "created-key1"
put key2 "some extra key"
---`,
  flags: {
    interactive: flag.bool("Input transaction in interactive mode", false, { shorthand: "i" }),
  },
  async run(context, { args, flags }) {
    if (args.length !== 0) throw badArguments("txn command does not accept argument");
    const { io } = context;
    const prompt = (text: string) => {
      if (flags.interactive) io.stdout.write(`${text}\n`);
    };
    const { kv } = await context.client();
    const lines = readLines(io.stdin);
    prompt("compares:");
    const compare: Comparison[] = [];
    for await (const line of readBlock(lines)) compare.push(parseCompare(line));
    prompt("success requests (get, put, del):");
    const success = await readOps(lines, io);
    prompt("failure requests (get, put, del):");
    const failureOps = await readOps(lines, io);
    context.display.show("txn", await kv.txn({ compare, success, failure: failureOps }));
  },
});

/** Lines up to an empty one. @throws CtlError "invalidInput" when the input ends before */
async function* readBlock(lines: AsyncIterator<string>): AsyncGenerator<string, void, undefined> {
  for (;;) {
    const step = await lines.next();
    if (step.done === true) throw new CtlError("invalidInput", "EOF");
    const line = step.value.trim();
    if (line === "") return;
    yield line;
  }
}

async function readOps(lines: AsyncIterator<string>, io: Io): Promise<Op[]> {
  const ops: Op[] = [];
  for await (const line of readBlock(lines)) ops.push(await readOp(line, io));
  return ops;
}

const OPERATIONS = { name: "txn", entries: [get, put, del], globals: {} };

/** One line such as `put key "value"`. @throws CtlError */
async function readOp(line: string, io: Io): Promise<Op> {
  const words = splitWords(line);
  if (words === undefined || words.length < 2) {
    throw new CtlError("invalidInput", `invalid txn compare request: ${line}`);
  }
  const scanned = orInvalid(line, () => scanArguments(OPERATIONS, words));
  const args: Bytes[] = scanned.args.map((word) => Buffer.from(word, "latin1"));
  if (scanned.verb === get) {
    const { key, options } = readGet(
      args,
      orInvalid(line, () => readFlags(getFlags, scanned.flags)),
    );
    return op.get(key, options);
  }
  if (scanned.verb === put) {
    const flags = orInvalid(line, () => readFlags(putFlags, scanned.flags));
    const { key, value, options } = await readPut(args, flags, io);
    return op.put(key, value, options);
  }
  const flags = orInvalid(line, () => readFlags(deleteFlags, scanned.flags));
  const { key, options } = await readDelete(args, flags, io);
  return op.delete(key, options);
}

function orInvalid<T>(line: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new CtlError("invalidInput", `invalid txn request: ${line}`, { cause });
  }
}
