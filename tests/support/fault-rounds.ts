import { createPrng, type Prng } from "@kvorum/base";
import { kvorumOn, TestCluster } from "./cluster.js";
import { COMPACTION_ARGS, FAULTS, type FaultName } from "./cluster-faults.js";
import { RecordedLoad, sleep } from "./cluster-load.js";
import { PeerNetwork } from "./cluster-network.js";
import { checkLinearizability } from "./linearizability.js";
import { kv, range } from "./rpc.js";

const HEARTBEAT_MS = 50;
const ELECTION_TIMEOUT_MS = 500;
/** Elections may be split, and the machine may be busy. */
const LEADER_WITHIN_ELECTION_TIMEOUTS = 20;
const BEFORE_FAULT_MS_MAX = 400;
const AFTER_FAULT_WRITES = 20;
const AFTER_FAULT_WITHIN_MS = 60_000;

export interface FaultRoundsOptions {
  /** The engine of each member. */
  readonly engines: readonly string[];
  readonly rounds: number;
  readonly seed: number;
  readonly onRound?: (line: string) => void;
  /** Filled round by round, so that it says what was done also when a round fails. */
  readonly matrix: Map<FaultName, FaultFigures>;
}

/** What the rounds with one kind of fault came to. */
export interface FaultFigures {
  rounds: number;
  acknowledged: number;
  /** Writes without an answer. */
  unknown: number;
  reads: number;
  leaderMsMax: number;
}

export type FaultMatrix = ReadonlyMap<FaultName, FaultFigures>;

/**
 * Harms a cluster under load, one kind of fault after the other, and checks after each that its
 * history is linearizable, that nothing acknowledged is lost, and that all members hold the same.
 * @throws Error with engines, seed, round and fault; its cause says what was wrong
 */
export async function runFaultRounds(options: FaultRoundsOptions): Promise<void> {
  const { engines, rounds, seed, matrix } = options;
  const prng = createPrng(seed);
  const network = new PeerNetwork();
  const cluster = await TestCluster.start({
    programs: engines.map(kvorumOn),
    network,
    args: [
      ...["--heartbeat-interval", String(HEARTBEAT_MS)],
      ...["--election-timeout", String(ELECTION_TIMEOUT_MS), ...COMPACTION_ARGS],
    ],
  });
  const earlier = new Map<string, string>();
  try {
    for (const [round, fault] of drawOrder(rounds, prng).entries()) {
      const start = Date.now();
      try {
        await oneRound({ cluster, network, prng, matrix, earlier }, round, fault);
      } catch (cause) {
        const where = `${engines.join(",")}, seed ${seed}, round ${round} (${fault})`;
        throw new Error(`${where}\n${logTails(cluster)}`, { cause });
      }
      options.onRound?.(`round ${round}: ${fault}, ${((Date.now() - start) / 1000).toFixed(1)} s`);
    }
  } finally {
    await cluster.stop("SIGKILL");
  }
}

/** The one that needs a leader which has sent no snapshot lately. */
const FIRST: FaultName = "return after the log was compacted";

/** All kinds in a drawn order, then again. */
function drawOrder(rounds: number, prng: Prng): FaultName[] {
  const order: FaultName[] = [FIRST];
  while (order.length < rounds) {
    const all = Object.keys(FAULTS) as FaultName[];
    const left = order.length > 1 ? all : all.filter((fault) => fault !== FIRST);
    while (left.length > 0) order.push(...left.splice(prng.below(left.length), 1));
  }
  return order.slice(0, rounds);
}

interface Rounds {
  readonly cluster: TestCluster;
  readonly network: PeerNetwork;
  readonly prng: Prng;
  readonly matrix: Map<FaultName, FaultFigures>;
  /** What the keys of earlier rounds hold: nobody writes them any more. */
  readonly earlier: Map<string, string>;
}

async function oneRound(rounds: Rounds, round: number, fault: FaultName): Promise<void> {
  const { cluster, network, prng, earlier } = rounds;
  const leaderWithinMs = ELECTION_TIMEOUT_MS * LEADER_WITHIN_ELECTION_TIMEOUTS;
  const load = new RecordedLoad({ cluster, prng, prefix: `r${round}/` });
  let leaderMs: number | undefined;
  try {
    await sleep(prng.below(BEFORE_FAULT_MS_MAX));
    leaderMs = await FAULTS[fault]({ cluster, network, load, prng, leaderWithinMs });
    // The elections' bound holds for those that were there; who comes back may need a snapshot.
    await cluster.leader();
    await load.progress(AFTER_FAULT_WRITES, AFTER_FAULT_WITHIN_MS);
    await load.finish();
  } finally {
    load.abandon();
  }
  await cluster.equalHash();
  const result = checkLinearizability(load.history);
  if (!result.isLinearizable) {
    throw new Error(`the history of ${result.key} is not linearizable`, {
      cause: JSON.stringify({ stuckAt: result.stuckAt, order: result.order.slice(-20) }),
    });
  }
  await compareWithEarlier(cluster, earlier, `r${round}/`);
  const figures = rounds.matrix.get(fault) ?? noFigures();
  add(figures, {
    rounds: 1,
    acknowledged: load.acknowledged,
    unknown: load.unknown,
    reads: load.history.filter(({ operation }) => operation.kind === "read").length,
    leaderMsMax: leaderMs ?? 0,
  });
  rounds.matrix.set(fault, figures);
}

/** Keys of earlier rounds hold what they held then, on every member; those of this one are added. */
async function compareWithEarlier(
  cluster: TestCluster,
  earlier: Map<string, string>,
  prefix: string,
): Promise<void> {
  for (const { name, rpc } of cluster.running()) {
    const everything = range({ key: Buffer.from("r"), rangeEnd: Buffer.from("s") });
    const { kvs } = await rpc.call(kv.range, everything);
    const found = new Map(
      kvs.map(({ key, value }) => [Buffer.from(key).toString(), Buffer.from(value).toString()]),
    );
    for (const [key, value] of earlier) {
      if (found.get(key) === value) continue;
      throw new Error(`${name} holds ${found.get(key)} at ${key}, where ${value} was`);
    }
    for (const [key, value] of found) if (key.startsWith(prefix)) earlier.set(key, value);
  }
}

function logTails(cluster: TestCluster): string {
  return cluster.members
    .map(({ name, log }) => `${name}'s log ends with\n${log.slice(-3_000)}`)
    .join("\n");
}

/** The matrix as lines of text, with what was run and what was asked for. */
export function matrixText(
  matrix: FaultMatrix,
  { engines, rounds, seed }: Pick<FaultRoundsOptions, "engines" | "rounds" | "seed">,
): string {
  const total: FaultFigures = noFigures();
  for (const figures of matrix.values()) add(total, figures);
  const rows = [...matrix, ["all", total] as const].map(([fault, figures]) => [
    fault,
    ...Object.values(figures).map(String),
  ]);
  const head = ["fault", "rounds", "acknowledged", "unanswered", "reads", "max ms to a leader"];
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i]!.length)));
  const table = [head, ...rows]
    .map((row) =>
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))),
    )
    .map((row) => row.join("  "));
  const run = `${engines.join(", ")}: ${rounds} rounds, seed ${seed}`;
  const bound = ELECTION_TIMEOUT_MS * LEADER_WITHIN_ELECTION_TIMEOUTS;
  return [
    `${run}; election time-out ${ELECTION_TIMEOUT_MS} ms, a leader at most ${bound} ms later`,
    ...table,
  ].join("\n");
}

function noFigures(): FaultFigures {
  return { rounds: 0, acknowledged: 0, unknown: 0, reads: 0, leaderMsMax: 0 };
}

function add(sum: FaultFigures, figures: FaultFigures): void {
  sum.rounds += figures.rounds;
  sum.acknowledged += figures.acknowledged;
  sum.unknown += figures.unknown;
  sum.reads += figures.reads;
  sum.leaderMsMax = Math.max(sum.leaderMsMax, figures.leaderMsMax);
}
