import { join } from "node:path";
import { createPrng, type Prng } from "@kvorum/base";
import { KillLoad } from "./kill-load.js";
import { type LaunchedServer, launchKvorum, scratchDirectory } from "./processes.js";
import { kv, maintenance, Rpc } from "./rpc.js";
import { type CheckedStore, checkStore } from "./store-check.js";
import { WriteHistory } from "./write-history.js";

/** When in its life a server is killed. */
const MOMENTS = ["load", "large", "compaction", "defragmentation", "start", "stop"] as const;
type Moment = (typeof MOMENTS)[number];

/** Small, so that each round sees many snapshots of the log, commits and pieces of a compaction. */
const ARGS = [
  ...["--snapshot-count", "50", "--snapshot-catchup-entries", "20"],
  ...["--backend-batch-interval", "7ms", "--backend-batch-limit", "100"],
  ...["--compaction-batch-limit", "20", "--compaction-sleep-interval", "1ms"],
];

/** A new directory now and then, so that kills hit first starts too. */
const ROUNDS_PER_DIRECTORY = 10;
const LOAD_MS_MAX = 300;
const START_MS_MAX = 600;
const STOP_MS_MAX = 30;
const SMALL_VALUE_BYTES = 64;
/** Writes of more than one page, and in long runs of segments of the log that fill up. */
const LARGE_VALUE_BYTES = 5_000;
const LARGER_VALUE_BYTES = 50_000;
const LONG_RUN_ROUNDS = 100;

export interface KillRoundsOptions {
  readonly engine: string;
  readonly rounds: number;
  readonly seed: number;
  readonly onRound?: (line: string) => void;
}

export interface KillRoundsReport {
  acknowledged: number;
  /** Writes that the kill left unanswered and that were found to be made. */
  survived: number;
  compactions: number;
  readonly moments: Record<Moment, number>;
}

/**
 * Kills a node again and again, at random moments of a load, and checks after each restart that the
 * store holds what was acknowledged, whole, in order, and nothing that nobody asked for.
 * @throws Error with engine, seed and round; its cause says what was lost
 */
export async function runKillRounds(options: KillRoundsOptions): Promise<KillRoundsReport> {
  const moments = Object.fromEntries(MOMENTS.map((moment) => [moment, 0]));
  const report: KillRoundsReport = {
    ...{ acknowledged: 0, survived: 0, compactions: 0 },
    moments: moments as Record<Moment, number>,
  };
  const prng = createPrng(options.seed);
  let directory: KilledDirectory | undefined;
  for (let round = 0; round < options.rounds; round++) {
    const isNew = round % ROUNDS_PER_DIRECTORY === 0;
    if (directory === undefined || isNew) {
      await directory?.finish(report);
      directory = new KilledDirectory(options, prng);
    }
    const moment = isNew && prng.below(2) === 0 ? "start" : drawMoment(prng);
    report.moments[moment]++;
    try {
      await directory.round(round, moment);
    } catch (error) {
      throw new Error(`${options.engine}, seed ${options.seed}, round ${round} (${moment})`, {
        cause: error,
      });
    }
    options.onRound?.(`${options.engine} round ${round}: killed in ${moment}`);
  }
  await directory?.finish(report);
  return report;
}

function drawMoment(prng: Prng): Moment {
  return MOMENTS[prng.below(MOMENTS.length)]!;
}

/** One data directory and all that is known about it. */
class KilledDirectory {
  readonly #engine: string;
  readonly #largeBytes: number;
  readonly #prng: Prng;
  readonly #dataDir = join(scratchDirectory("kill"), "data");
  readonly #history = new WriteHistory();
  #checked: CheckedStore | undefined;
  #compactions = 0;

  constructor({ engine, rounds }: KillRoundsOptions, prng: Prng) {
    this.#engine = engine;
    this.#largeBytes = rounds >= LONG_RUN_ROUNDS ? LARGER_VALUE_BYTES : LARGE_VALUE_BYTES;
    this.#prng = prng;
  }

  async round(round: number, moment: Moment): Promise<void> {
    const node = await this.#launch();
    try {
      if (moment === "start") {
        await sleep(this.#prng.below(START_MS_MAX));
        return;
      }
      await this.#check(node);
      await this.#loadUntilKilled(node, round, moment);
    } finally {
      await node.stop("SIGKILL");
    }
  }

  /** A last start and check, ended as an operator would. */
  async finish(report: KillRoundsReport): Promise<void> {
    const node = await this.#launch();
    try {
      await this.#check(node);
    } finally {
      await node.stop();
    }
    report.acknowledged += this.#history.acknowledged;
    report.survived += this.#history.survived;
    report.compactions += this.#compactions;
  }

  #launch(): Promise<LaunchedServer> {
    return launchKvorum(this.#engine, { dataDir: this.#dataDir, args: ARGS });
  }

  async #check(node: LaunchedServer): Promise<void> {
    await node.serving();
    const rpc = new Rpc(node.endpoint);
    try {
      this.#checked = await checkStore(rpc, this.#history, this.#checked);
    } finally {
      rpc.close();
    }
  }

  async #loadUntilKilled(node: LaunchedServer, round: number, moment: Moment): Promise<void> {
    const rpc = new Rpc(node.endpoint);
    const valueBytes = moment === "large" ? this.#largeBytes : SMALL_VALUE_BYTES;
    const load = new KillLoad({
      ...{ rpc, round, valueBytes },
      history: this.#history,
      prng: this.#prng,
    });
    try {
      await sleep(this.#prng.below(LOAD_MS_MAX));
      if (moment === "compaction") this.#compact(rpc);
      if (moment === "defragmentation") rpc.call(maintenance.defragment, {}).catch(() => {});
      if (moment === "stop") node.process.kill("SIGTERM");
      await sleep(this.#prng.below(moment === "load" ? 5 : STOP_MS_MAX));
      await node.stop("SIGKILL");
    } finally {
      rpc.close();
      await load.stop();
    }
  }

  /** Never beyond what was checked, so that later revisions stay comparable. */
  #compact(rpc: Rpc): void {
    const { revision, compactRevision } = this.#checked!;
    // Not 0, which is allowed once: HashKV would answer 0 from that compaction then, as etcd does.
    const compacted = Math.max(compactRevision, 0);
    if (revision <= compacted) return;
    this.#compactions++;
    const target = compacted + 1 + this.#prng.below(revision - compacted);
    rpc.call(kv.compact, { revision: target, physical: true }).catch(() => {});
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
