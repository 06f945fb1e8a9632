import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createPrng } from "@kvorum/base";
import type { Engine } from "../port.js";
import { type ConformanceContext, collectNow, hex } from "./context.js";
import { COUNTER_KEY, workloadState } from "./kill-workload.js";

const ROUNDS = 4;

export function testKill(context: ConformanceContext): void {
  testKilled(context, "a process killed during commits loses nothing that settled", []);
  const name = "a process killed during defragmentations loses nothing that settled";
  testKilled(context, name, ["defragment"]);
}

function testKilled(
  context: ConformanceContext,
  name: string,
  disturbance: readonly string[],
): void {
  context.test(name, async (engine, directory) => {
    const { loadable } = context;
    // The built file from both the sources and the build: a child can't run TypeScript.
    const child = fileURLToPath(new URL("../../dist/conformance/kill-child.js", import.meta.url));
    if (!engine.capabilities.persistent) {
      return context.skip(name, "the engine is not persistent");
    }
    if (loadable === undefined) return context.skip(name, "the engine was given as an object");
    assert.ok(existsSync(child), `${child} is missing: build the package first`);
    const prng = createPrng(context.seed);
    let settled = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const args = [child, loadable, directory, String(context.seed), ...disturbance];
      settled = Math.max(settled, await runAndKill(args, 1 + prng.below(40)));
      settled = await checkState(engine, directory, { seed: context.seed, settled });
    }
  });
}

/** Kills the child after it reported `reports` commits; resolves to the last that it reported. */
async function runAndKill(args: readonly string[], reports: number): Promise<number> {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  const exit = once(child, "exit");
  let output = "";
  let complaints = "";
  child.stderr.on("data", (bytes: Buffer) => {
    complaints += bytes.toString();
  });
  child.stdout.on("data", (bytes: Buffer) => {
    output += bytes.toString();
    // At a commit and not after a time, so that a slow machine does the same.
    if (output.split("\n").length > reports) child.kill("SIGKILL");
  });
  const [code, signal] = (await exit) as [number | null, string | null];
  assert.equal(signal ?? code, "SIGKILL", `the child ended by itself: ${complaints}`);
  if (child.stdout.readableEnded === false) await once(child.stdout, "close");
  return Number(output.split("\n").filter(Boolean).at(-1) ?? 0);
}

/** The store is exactly as after some commit, and that is not before the last reported one. */
async function checkState(
  engine: Engine,
  directory: string,
  { seed, settled }: { readonly seed: number; readonly settled: number },
): Promise<number> {
  const store = await engine.open({ directory });
  const counter = store.get("meta", COUNTER_KEY);
  const found = counter === undefined ? 0 : Number(Buffer.from(counter).readBigUInt64BE());
  assert.ok(found >= settled, `commit ${settled} settled, but the store is at ${found}`);
  const expected = workloadState(seed, found).map(({ key, value }) => [hex(key), hex(value!)]);
  assert.deepEqual(await collectNow(store, "key"), expected, `not the state after ${found}`);
  await store.close();
  return found;
}
