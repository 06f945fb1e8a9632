import { etcdserverpb } from "@kvorum/api";
import type { Prng } from "@kvorum/base";
import { eventually, idOf, settled, type TestCluster } from "./cluster.js";
import { type RecordedLoad, sleep } from "./cluster-load.js";
import type { ClusterMember, Program } from "./cluster-member.js";
import type { NetworkPlace, PeerNetwork } from "./cluster-network.js";

const cluster = etcdserverpb.ClusterDefinition.methods;

export interface FaultContext {
  readonly cluster: TestCluster;
  readonly network: PeerNetwork;
  readonly load: RecordedLoad;
  readonly prng: Prng;
  /** How soon the members that are left must have a leader. */
  readonly leaderWithinMs: number;
}

/**
 * Does harm under load, waits until the members that are left serve, and mends it.
 * @returns how long the others were without a leader, in milliseconds, where that was looked at
 */
type Fault = (context: FaultContext) => Promise<number | undefined>;

/** Entries after which the log is compacted in these clusters, and that are kept behind it. */
export const COMPACTION_ARGS = [
  ...["--snapshot-count", "100", "--snapshot-catchup-entries", "50"],
] as const;

/** Enough entries that the log a member would need is gone. */
const WRITES_BEYOND_LOG = 250;
const LASTS_MS_MAX = 1_500;
const PROGRESS_WRITES = 30;
const PROGRESS_WITHIN_MS = 60_000;
const WRITES_WITHIN_MS = 120_000;
const JOIN_WITHIN_MS = 120_000;

/** Every kind of fault, by the name that the matrix shows. */
export const FAULTS = {
  "kill -9 of the leader": (context) => killOne(context, "leader"),
  "kill -9 of a follower": (context) => killOne(context, "follower"),
  "kill -9 of all members": killAll,
  "leader stopped and continued": (context) => pause(context, "leader"),
  "follower stopped and continued": (context) => pause(context, "follower"),
  "leader cut off": (context) => cutOff(context, "leader"),
  "follower cut off": (context) => cutOff(context, "follower"),
  "leader heard by nobody": (context) => loseOneWay(context, "leader", "from"),
  "leader hears nobody": (context) => loseOneWay(context, "leader", "to"),
  "follower heard by nobody": (context) => loseOneWay(context, "follower", "from"),
  "follower hears nobody": (context) => loseOneWay(context, "follower", "to"),
  "follower does not hear the leader": loseFromLeader,
  "all cut off from each other": splitAll,
  "return after the log was compacted": returnAfterCompaction,
  "disk wiped, removed and added again": wipe,
  "learner added, promoted, a voter removed": replaceByLearner,
  "leader moved and stopped": stopLeader,
} as const satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;

async function pick(context: FaultContext, which: "leader" | "follower"): Promise<ClusterMember> {
  const leader = await context.cluster.leader();
  if (which === "leader") return leader;
  const followers = context.cluster.running().filter((member) => member !== leader);
  return followers[context.prng.below(followers.length)]!;
}

/** Waits until the members but `victim` have a leader among them and take writes again. */
async function untilOthersServe(context: FaultContext, victim: ClusterMember): Promise<number> {
  const { cluster, leaderWithinMs, load } = context;
  const start = Date.now();
  const others = cluster.running().filter((member) => member !== victim);
  await cluster.leader(leaderWithinMs, others);
  const tookMs = Date.now() - start;
  await load.progress(PROGRESS_WRITES, PROGRESS_WITHIN_MS);
  return tookMs;
}

async function killOne(context: FaultContext, which: "leader" | "follower"): Promise<number> {
  const victim = await pick(context, which);
  await victim.stop("SIGKILL");
  const tookMs = await untilOthersServe(context, victim);
  victim.launch();
  await victim.serving();
  return tookMs;
}

async function killAll({ cluster, leaderWithinMs }: FaultContext): Promise<number> {
  const all = cluster.running();
  await Promise.all(all.map((member) => member.stop("SIGKILL")));
  for (const member of all) member.launch();
  await Promise.all(all.map((member) => member.serving()));
  const start = Date.now();
  await cluster.leader(leaderWithinMs);
  return Date.now() - start;
}

async function pause(context: FaultContext, which: "leader" | "follower"): Promise<number> {
  const victim = await pick(context, which);
  victim.signal("SIGSTOP");
  try {
    const tookMs = await untilOthersServe(context, victim);
    await sleep(context.prng.below(LASTS_MS_MAX));
    return tookMs;
  } finally {
    victim.signal("SIGCONT");
  }
}

async function placeOf(member: ClusterMember): Promise<NetworkPlace> {
  return { port: member.spec.advertisedPeerPort, id: (await idOf(member)).toString(16) };
}

async function cutOff(context: FaultContext, which: "leader" | "follower"): Promise<number> {
  const victim = await pick(context, which);
  context.network.cutOff([await placeOf(victim)]);
  return await servedMeanwhile(context, victim);
}

/** What the others do while the network is broken; it is whole afterwards. */
async function servedMeanwhile(context: FaultContext, victim: ClusterMember): Promise<number> {
  try {
    const tookMs = await untilOthersServe(context, victim);
    await sleep(context.prng.below(LASTS_MS_MAX));
    return tookMs;
  } finally {
    context.network.heal();
  }
}

/** One direction is lost: who hears goes on hearing, and is not heard, or the reverse. */
async function loseOneWay(
  context: FaultContext,
  which: "leader" | "follower",
  direction: "from" | "to",
): Promise<number> {
  const victim = await pick(context, which);
  context.network.lose([{ [direction]: await placeOf(victim) }]);
  return await servedMeanwhile(context, victim);
}

/** The leader hears the follower, both hear the third, and the follower takes no part. */
async function loseFromLeader(context: FaultContext): Promise<number> {
  const victim = await pick(context, "follower");
  const from = await placeOf(await pick(context, "leader"));
  context.network.lose([{ from, to: await placeOf(victim) }]);
  return await servedMeanwhile(context, victim);
}

async function splitAll({ cluster, network, prng, leaderWithinMs }: FaultContext): Promise<number> {
  network.cutOff(await Promise.all(cluster.running().map(placeOf)));
  await sleep(500 + prng.below(LASTS_MS_MAX));
  network.heal();
  const start = Date.now();
  await cluster.leader(leaderWithinMs);
  return Date.now() - start;
}

async function returnAfterCompaction(context: FaultContext): Promise<undefined> {
  const victim = await pick(context, "follower");
  const leader = await pick(context, "leader");
  await victim.stop("SIGKILL");
  await context.load.progress(WRITES_BEYOND_LOG, WRITES_WITHIN_MS);
  victim.launch();
  await victim.serving();
  // A leader that sent a snapshot a short time ago keeps its log for a while.
  const isLogKept = leader.log.includes("skip compaction");
  if (!isLogKept && !victim.log.includes("applied snapshot")) {
    throw new Error(`${victim.name} caught up without a snapshot:\n${victim.log.slice(-4_000)}`);
  }
}

async function wipe(context: FaultContext): Promise<undefined> {
  const { cluster: all, load } = context;
  const victim = await pick(context, "follower");
  const via = await pick(context, "leader");
  const id = await idOf(victim);
  await victim.stop("SIGKILL");
  victim.wipe();
  await settled(() => via.rpc.call(cluster.memberRemove, { ID: id }));
  await load.progress(PROGRESS_WRITES, PROGRESS_WITHIN_MS);
  await all.admit(victim, { via, isLearner: false });
  await victim.serving(JOIN_WITHIN_MS);
}

async function replaceByLearner(context: FaultContext): Promise<undefined> {
  const { cluster: all, load } = context;
  const leaving = await pick(context, "follower");
  const leader = await pick(context, "leader");
  const leavingId = await idOf(leaving);
  const program: Program = leaving.spec.program;
  const learner = await all.join(program, { isLearner: true, via: leader });
  await promoted(learner, leader);
  await learner.serving(JOIN_WITHIN_MS);
  await load.progress(PROGRESS_WRITES, PROGRESS_WITHIN_MS);
  await settled(() => leader.rpc.call(cluster.memberRemove, { ID: leavingId }));
  const code = await Promise.race([leaving.exited, sleep(JOIN_WITHIN_MS)]);
  if (code !== 0) throw new Error(`the removed ${leaving.name} ended with ${code}, not with 0`);
  await all.forget(leaving);
}

/** Promotes a member that was started as a learner, once it has caught up. */
export async function promoted(learner: ClusterMember, via: ClusterMember): Promise<void> {
  const { id } = await eventually("learner that knows itself", JOIN_WITHIN_MS, async () => {
    return { id: await idOf(learner) };
  });
  await settled(() => via.rpc.call(cluster.memberPromote, { ID: id }));
}

async function stopLeader(context: FaultContext): Promise<number> {
  const victim = await pick(context, "leader");
  await victim.stop("SIGTERM");
  const tookMs = await untilOthersServe(context, victim);
  victim.launch();
  await victim.serving();
  return tookMs;
}
