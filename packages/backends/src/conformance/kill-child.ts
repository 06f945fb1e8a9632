import { writeSync } from "node:fs";
import { loadEngine } from "../load-engine.js";
import { COUNTER_KEY, workloadOps } from "./kill-workload.js";

/**
 * The process that is killed: commits without end and writes the number of each commit that settled
 * to its standard output. Three commits are under way at a time, and a defragmentation when asked.
 */
const [engineName, directory, seed, disturbance] = process.argv.slice(2) as string[];
const engine = await loadEngine(engineName!);
const store = await engine.open({ directory: directory! });
const counter = store.get("meta", COUNTER_KEY);
let number = counter === undefined ? 0 : Number(Buffer.from(counter).readBigUInt64BE());
if (disturbance === "defragment") void defragmentForever();
const underWay: Promise<void>[] = [];
for (;;) {
  const current = ++number;
  underWay.push(store.commit(workloadOps(Number(seed), current)).then(() => say(current)));
  if (underWay.length === 3) await underWay.shift();
}

async function defragmentForever(): Promise<void> {
  for (;;) await store.defragment(() => {});
}

function say(settled: number): void {
  writeSync(1, `${settled}\n`);
}
