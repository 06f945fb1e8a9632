import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ENGINE_NAMES, loadEngine } from "@kvorum/backends";
import Table from "cli-table3";
import { Bench } from "tinybench";
import { BenchError } from "../bench-error.js";
import { formatNumber } from "../report/format.js";
import { CODEC_STAGE } from "./codec-stage.js";
import { ENGINE_STAGE } from "./engine-stage.js";
import { GRPC_STAGE } from "./grpc-stage.js";
import { RAFT_STAGE } from "./raft-stage.js";
import type { MicroCase, Stage } from "./stage.js";
import { STORE_STAGE } from "./store-stage.js";
import { TREE_INDEX_STAGE } from "./tree-index-stage.js";
import { WAL_STAGE } from "./wal-stage.js";
import { WATCH_STAGE } from "./watch-stage.js";

const STAGES: readonly Stage[] = [
  ...[CODEC_STAGE, GRPC_STAGE, RAFT_STAGE, WAL_STAGE],
  ...[TREE_INDEX_STAGE, WATCH_STAGE, STORE_STAGE, ENGINE_STAGE],
];
/** Milliseconds of one case, beside its warm-up. */
const TIME_MS = 400;

/** Times the stages of a node one by one, on every engine where the engine matters. */
export async function runMicro(options: {
  /** Names, paths or modules, with commas between; default: all built-in ones. */
  readonly engines: string | undefined;
  readonly stages: string | undefined;
}): Promise<number> {
  const engines = options.engines?.split(",") ?? ENGINE_NAMES;
  const table = new Table({
    head: ["stage", "engine", "case", "median, us", "mean +- %", "a second"],
    colAligns: ["left", "left", "left", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  for (const stage of chooseStages(options.stages)) {
    for (const name of stage.isPerEngine ? engines : ["memory"]) {
      const rows = await runStage(stage, name);
      const engine = stage.isPerEngine ? name : "";
      table.push(...rows.map((row) => [stage.name, engine, ...row]));
    }
  }
  console.log(table.toString());
  return 0;
}

function chooseStages(names: string | undefined): readonly Stage[] {
  if (names === undefined) return STAGES;
  return names.split(",").map((name) => {
    const found = STAGES.find((stage) => stage.name === name);
    if (found !== undefined) return found;
    const known = STAGES.map((stage) => stage.name).join(", ");
    throw new BenchError("USAGE", `no stage is called ${name}; there are: ${known}`);
  });
}

/** The cells of each case. */
async function runStage(stage: Stage, engineName: string): Promise<string[][]> {
  const engine = await loadEngine(engineName);
  const directory = mkdtempSync(join(tmpdir(), "kvorum-micro-"));
  try {
    const open = await stage.open({ directory: join(directory, "data"), engine });
    const bench = new Bench({ time: TIME_MS, warmupTime: TIME_MS / 4, iterations: 5 });
    for (const { name, run } of open.cases) bench.add(name, run);
    await bench.run();
    await open.close();
    return open.cases.map((timed, i) => cells(timed, bench.tasks[i]!.result));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function cells(timed: MicroCase, result: Bench["tasks"][number]["result"]): string[] {
  if (result.state === "errored") throw result.error;
  if (result.state !== "completed") return [timed.name, "-", "-", "-"];
  const eachUs = (result.latency.p50 * 1000) / timed.operations;
  return [
    timed.name,
    formatNumber(eachUs),
    result.latency.rme.toFixed(1),
    formatNumber(1e6 / eachUs),
  ];
}
