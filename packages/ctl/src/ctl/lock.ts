import type { Lock } from "@kvorum/client";
import { badArguments, CtlError } from "../cli/ctl-error.js";
import { flag } from "../cli/flags.js";
import { type CtlContext, ctlVerb } from "./context.js";
import { firstAborted } from "./first-aborted.js";
import { runCommand } from "./run-command.js";

export const lock = ctlVerb({
  name: "lock",
  usage: "lock <lockname> [exec-command arg1 arg2 ...]",
  summary: "Acquires a named lock",
  description: `Acquires a named lock.

Without a command it prints the key of the lock and holds it until it is interrupted.
A command is run while the lock is held; ETCD_LOCK_KEY and ETCD_LOCK_REV in its environment
name the key and the revision. The exit status is then the command's.`,
  flags: { ttl: flag.int("timeout for session", 10) },
  async run(context, { args, flags }) {
    const [name, ...command] = args;
    if (name === undefined) {
      const text = "lock takes a lock name argument and an optional command to execute";
      throw badArguments(text);
    }
    const { interrupted } = context.io;
    const client = await context.client();
    const ttlSeconds = flags.ttl > 0 ? flags.ttl : undefined;
    const held = await client.lock(name, { ttlSeconds, signal: interrupted });
    if (command.length > 0) await runHolding(context, held, command);
    else {
      const found = await client.kv.get(held.key);
      if (found.kvs.length === 0) throw new CtlError("error", "lock lost on init");
      context.display.show("get", found);
      const first = await firstAborted(interrupted, held.lost);
      if (first === held.lost) throw new CtlError("error", "session expired");
      await held.unlock();
    }
  },
});

/** @throws CtlError with the exit status of the command */
async function runHolding(
  context: CtlContext,
  held: Lock,
  command: readonly string[],
): Promise<void> {
  const fault = await runCommand(context, command, {
    ETCD_LOCK_KEY: held.key.toString(),
    ETCD_LOCK_REV: String(held.header.revision),
  });
  const unlocked = held.unlock();
  if (fault === undefined) return unlocked;
  // What the command says outweighs that the lock could not be given back, which then runs out.
  await unlocked.catch(() => undefined);
  throw new CtlError("error", fault.text, { exitCode: fault.exitCode });
}
