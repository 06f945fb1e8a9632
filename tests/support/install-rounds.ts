import { createPrng, type Prng } from "@kvorum/base";
import { eventually, kvorumOn, TestCluster } from "./cluster.js";
import { COMPACTION_ARGS } from "./cluster-faults.js";
import { sleep } from "./cluster-load.js";
import type { ClusterMember } from "./cluster-member.js";
import { deleteRange, kv, put } from "./rpc.js";

const KEYS = 6_000;
const VALUE_BYTES_MAX = 900;
/** More entries than the leader keeps: who missed them needs a snapshot. */
const ENTRIES_BEYOND_LOG = 250;
const WRITERS = 6;
const WRITE_DEADLINE_MS = 3_000;
const FILL_DEADLINE_MS = 60_000;
const CAUGHT_UP_WITHIN_MS = 120_000;
/** Who has sent a snapshot keeps its log for half a minute; a new process knows nothing of that. */
const LOG_HELD_MS = 31_000;
const PHASE_WITHIN_MS = 120_000;
const INTERRUPTIONS_MAX = 3;

/** Where the process of a member that takes a snapshot is killed, by what its log says last. */
const MOMENTS = {
  "somewhere in the start": { line: undefined, delayMsMax: 1_500 },
  receiving: { line: "became follower at term", delayMsMax: 400 },
  importing: { line: "applying snapshot", delayMsMax: 150 },
  "replacing the content": { line: "opened snapshot backend", delayMsMax: 60 },
  "just after": { line: "applied snapshot", delayMsMax: 60 },
} as const;
type Moment = keyof typeof MOMENTS;

export interface InstallRoundsOptions {
  readonly engine: string;
  readonly rounds: number;
  readonly seed: number;
  readonly onRound?: (line: string) => void;
}

export interface InstallReport {
  /** Installs that began in a running member, and those of them that it came to the end of. */
  begun: number;
  installs: number;
  /** Starts that went on with a snapshot whose install had been interrupted. */
  resumed: number;
  lastInstallMs: number;
  acknowledged: number;
  readonly kills: Record<Moment, number>;
}

/**
 * A follower is away while the log is compacted, comes back, and takes the leader's snapshot under
 * load; it is killed at random moments of that, started again, and at the end must hold what the
 * others hold: at once, and after one more start.
 * @throws Error with engine, seed and round; its cause says what was wrong
 */
export async function runInstallRounds(options: InstallRoundsOptions): Promise<InstallReport> {
  const { engine, rounds, seed } = options;
  const prng = createPrng(seed);
  const kills = Object.fromEntries(Object.keys(MOMENTS).map((moment) => [moment, 0]));
  const report: InstallReport = {
    ...{ begun: 0, installs: 0, resumed: 0, lastInstallMs: 0, acknowledged: 0 },
    kills: kills as Record<Moment, number>,
  };
  const cluster = await TestCluster.start({
    programs: [engine, engine, engine].map(kvorumOn),
    args: COMPACTION_ARGS,
  });
  const load = new ScatteredLoad(cluster, prng);
  try {
    await load.fill();
    for (let round = 0; round < rounds; round++) {
      const start = Date.now();
      try {
        await oneRound({ cluster, load, prng, report }, round);
      } catch (cause) {
        const logs = cluster.members.map(({ name, log }) => `${name}:\n${log.slice(-12_000)}`);
        throw new Error(`${engine}, seed ${seed}, round ${round}\n${logs.join("\n")}`, { cause });
      }
      const took = ((Date.now() - start) / 1000).toFixed(1);
      options.onRound?.(
        `${engine} round ${round}: ${report.installs} installs, ${report.resumed} resumed, ${took} s`,
      );
    }
  } finally {
    await load.stop();
    await cluster.stop("SIGKILL");
  }
  report.acknowledged = load.acknowledged;
  return report;
}

interface Rounds {
  readonly cluster: TestCluster;
  readonly load: ScatteredLoad;
  readonly prng: Prng;
  readonly report: InstallReport;
}

async function oneRound({ cluster, load, prng, report }: Rounds, round: number): Promise<void> {
  const victim = cluster.at(round % cluster.members.length);
  const others = cluster.members.filter((member) => member !== victim);
  await victim.stop(prng.below(3) === 0 ? "SIGTERM" : "SIGKILL");
  for (const other of others) {
    if (!other.log.includes("sent database snapshot")) continue;
    if (Date.now() - report.lastInstallMs > LOG_HELD_MS) continue;
    await other.stop("SIGKILL");
    other.launch();
    await other.serving();
  }
  load.start();
  await load.progress(ENTRIES_BEYOND_LOG);

  victim.launch();
  for (let left = 1 + prng.below(INTERRUPTIONS_MAX); left > 0; left--) {
    await killIn(pickMoment(prng), { victim, prng, report });
    if (prng.below(2) === 0) await load.progress(ENTRIES_BEYOND_LOG / 2);
    victim.launch();
  }
  await victim.serving(CAUGHT_UP_WITHIN_MS);
  countInstall(victim, report);
  await load.stop();
  await cluster.equalHash(CAUGHT_UP_WITHIN_MS);

  await victim.stop("SIGKILL");
  victim.launch();
  await victim.serving(CAUGHT_UP_WITHIN_MS);
  await cluster.equalHash(CAUGHT_UP_WITHIN_MS);
}

async function killIn(
  moment: Moment,
  { victim, prng, report }: Pick<Rounds, "prng" | "report"> & { readonly victim: ClusterMember },
): Promise<void> {
  const { line, delayMsMax } = MOMENTS[moment];
  const deadline = Date.now() + PHASE_WITHIN_MS;
  // It may have caught up in an earlier try: then there is nothing to wait for.
  const isOver = () => victim.log.includes("ready to serve client requests");
  while (line !== undefined && !victim.log.includes(line) && !isOver() && victim.isRunning) {
    if (Date.now() > deadline) throw new Error(`${victim.name} never came to "${line}"`);
    await sleep(1);
  }
  await sleep(prng.below(delayMsMax));
  if (!victim.isRunning) throw new Error(`${victim.name} ended by itself`);
  countInstall(victim, report);
  report.kills[moment]++;
  await victim.stop("SIGKILL");
}

function countInstall({ log }: ClusterMember, report: InstallReport): void {
  if (log.includes("applying snapshot")) report.begun++;
  if (log.includes("applied snapshot")) report.installs++;
  else if (log.includes("Recovering from snapshot backend")) report.resumed++;
  else return;
  report.lastInstallMs = Date.now();
}

function pickMoment(prng: Prng): Moment {
  const all = Object.keys(MOMENTS) as Moment[];
  return all[prng.below(all.length)]!;
}

/** Puts and deletions of keys all over the store, through all members that run. */
class ScatteredLoad {
  readonly #cluster: TestCluster;
  readonly #prng: Prng;
  #writers: Promise<void>[] = [];
  #isStopped = true;
  acknowledged = 0;

  constructor(cluster: TestCluster, prng: Prng) {
    this.#cluster = cluster;
    this.#prng = prng;
  }

  /** Gives the import something to do. */
  async fill(): Promise<void> {
    for (let first = 0; first < KEYS; first += 100) {
      const writes = Array.from({ length: 100 }, (_, i) =>
        this.#put(this.#cluster.at(0), first + i, FILL_DEADLINE_MS),
      );
      await Promise.all(writes);
    }
  }

  start(): void {
    this.#isStopped = false;
    this.#writers = Array.from({ length: WRITERS }, (_, i) => this.#run(i));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#writers);
    this.#writers = [];
  }

  async progress(writes: number): Promise<void> {
    const goal = this.acknowledged + writes;
    await eventually(`${writes} writes`, CAUGHT_UP_WITHIN_MS, async () =>
      this.acknowledged >= goal ? true : undefined,
    );
  }

  async #run(place: number): Promise<void> {
    while (!this.#isStopped) {
      const members = this.#cluster.running();
      const member = members[place % Math.max(1, members.length)];
      try {
        if (member === undefined) throw new Error("no member runs");
        await this.#write(member);
        this.acknowledged++;
      } catch {
        place++;
        await sleep(20);
      }
    }
  }

  async #write(member: ClusterMember): Promise<void> {
    const number = this.#prng.below(KEYS);
    if (this.#prng.below(5) > 0) {
      await this.#put(member, number);
      return;
    }
    await member.rpc.call(kv.deleteRange, deleteRange({ key: keyOf(number) }), WRITE_DEADLINE_MS);
  }

  async #put(member: ClusterMember, number: number, deadlineMs = WRITE_DEADLINE_MS): Promise<void> {
    const fill = String.fromCharCode(97 + this.#prng.below(26));
    const value = Buffer.from(fill.repeat(1 + this.#prng.below(VALUE_BYTES_MAX)));
    await member.rpc.call(kv.put, put({ key: keyOf(number), value }), deadlineMs);
  }
}

function keyOf(number: number): Buffer {
  return Buffer.from(`install/${number}`);
}
