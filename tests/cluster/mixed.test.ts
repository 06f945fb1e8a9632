import { etcdserverpb } from "@kvorum/api";
import { createPrng, type Prng } from "@kvorum/base";
import { describe, expect } from "vitest";
import { eventually, idOf, kvorumOn, settled, TestCluster } from "../support/cluster.js";
import { addUsers, useUsers } from "../support/cluster-auth.js";
import { COMPACTION_ARGS, promoted } from "../support/cluster-faults.js";
import type { ClusterMember, Program } from "../support/cluster-member.js";
import { dividesEtcd36, endsEtcd } from "../support/ends-etcd.js";
import { isBefore37, whyNotMixed } from "../support/etcd-release.js";
import { findEtcd } from "../support/processes.js";
import { METHODS, type RandomOp, RandomOps } from "../support/random-ops.js";
import { kv, lease, maintenance, put, range } from "../support/rpc.js";
import { testUnless } from "../support/skip.js";

/**
 * Members of Kvorum and of a real etcd in one cluster: each joins the other's, votes, leads and
 * hands over, and all hold the same after thousands of operations. KVORUM_MIXED_OPS sets how many.
 */

const OPS = Number(process.env.KVORUM_MIXED_OPS ?? 3_000);
const PHASES = 5;
const OPS_AT_ONCE = 16;
const SECONDS_MIN = 180;
const OPS_PER_SECOND_MIN = 30;
const seed = Number(process.env.KVORUM_SEED ?? Date.now() % 2 ** 32);

const isOlder = isBefore37();
const needsEtcd = testUnless(whyNotMixed());

const real: Program = { kind: "etcd", path: findEtcd() ?? "" };

interface Case {
  readonly title: string;
  readonly founders: readonly Program[];
  readonly joiner: Program;
}

const cases: readonly Case[] = [
  { title: "Kvorum joins etcd", founders: [real, real], joiner: kvorumOn("lmdb") },
  {
    title: "etcd joins Kvorum",
    // Without an older member the cluster's version is 3.7, and an older one may not join it.
    founders: [kvorumOn("leveldb"), isOlder ? real : kvorumOn("sqlite")],
    joiner: real,
  },
];

describe("one cluster of Kvorum and etcd", () => {
  for (const { title, founders, joiner } of cases) {
    needsEtcd(
      `${title}, ${OPS} operations (seed ${seed})`,
      async () => {
        console.log(`${title}: KVORUM_SEED=${seed}`);
        const cluster = await TestCluster.start({ programs: founders, args: COMPACTION_ARGS });
        try {
          await live(cluster, joiner);
        } catch (cause) {
          const logs = cluster.members.map(({ name, log }) => `${name}:\n${log.slice(-3_000)}`);
          throw new Error(`${title}, seed ${seed}\n${logs.join("\n")}`, { cause });
        } finally {
          await cluster.stop("SIGKILL");
        }
      },
      (SECONDS_MIN + OPS / OPS_PER_SECOND_MIN) * 1000,
    );
  }
});

const needsOlder = testUnless(
  whyNotMixed() ?? (isOlder ? undefined : "the etcd here is not older than 3.7"),
);

needsOlder(
  "the version of a cluster stays that of its oldest member, and rises when that is replaced",
  async () => {
    const cluster = await TestCluster.start({ programs: [real] });
    try {
      const old = cluster.at(0);
      const joiner = await cluster.join(kvorumOn("lmdb"), { isLearner: true });
      await promoted(joiner, old);
      await joiner.serving();
      const { etcdserver, etcdcluster } = await versionsOf(old);
      expect(etcdcluster).toBe(etcdserver.replace(/\d+$/, "0"));
      expect((await versionsOf(joiner)).etcdcluster).toBe(etcdcluster);
      const { memberRemove } = etcdserverpb.ClusterDefinition.methods;
      const ID = await idOf(old);
      await settled(() => joiner.rpc.call(memberRemove, { ID }));
      await cluster.forget(old);
      await eventually("the version of the members that are left", 60_000, async () => {
        const now = await versionsOf(joiner);
        return now.etcdcluster === now.etcdserver.replace(/\d+$/, "0") ? true : undefined;
      });
      await joiner.rpc.call(kv.put, put({ key: Buffer.from("a"), value: Buffer.from("b") }));
    } finally {
      await cluster.stop("SIGKILL");
    }
  },
  SECONDS_MIN * 1000,
);

async function versionsOf({ clientUrl }: ClusterMember) {
  const answer = await fetch(`${clientUrl}/version`);
  return (await answer.json()) as { readonly etcdserver: string; readonly etcdcluster: string };
}

async function live(cluster: TestCluster, program: Program): Promise<void> {
  const prng = createPrng(seed);
  const load = new MixedLoad(cluster, prng);
  await addUsers(cluster);
  await load.run(OPS / PHASES);

  // The log that the founders keep is too short for it: it starts from the leader's snapshot, and
  // the leader is of the other kind.
  await moveLeader(cluster, cluster.at(0));
  const joiner = await cluster.join(program, { isLearner: true });
  await promoted(joiner, await cluster.leader(60_000, cluster.running().slice(0, 2)));
  await joiner.serving();
  expect(joiner.log).toContain("applied snapshot");
  await cluster.equalHash();
  await load.run(OPS / PHASES);
  await cluster.equalHash();

  await changeMembersAtOnce(cluster);
  await moveLeader(cluster, joiner);
  await changeMembersAtOnce(cluster);
  await load.run(OPS / PHASES);
  await expectLeasesToEnd(cluster);
  await cluster.equalHash();

  // The leader goes, and only the founders are left to elect one; they forward to it, and back.
  const founder = cluster.at(0);
  await moveLeader(cluster, founder);
  await load.run(OPS / PHASES);
  await cluster.equalHash();

  // Without the other founder every decision needs the joiner's vote, and so does an election.
  await founder.stop("SIGKILL");
  await cluster.leader(60_000);
  await load.run(OPS / PHASES);
  founder.launch();
  await founder.serving();
  await cluster.leader();
  await cluster.equalHash();
  await useUsers(cluster, seed);
  await cluster.equalHash();
  await compareContents(cluster);
  console.log(`${load.made} operations, ${load.refused} of them refused`);
}

async function moveLeader(cluster: TestCluster, target: ClusterMember): Promise<void> {
  const targetID = await idOf(target);
  await eventually("move of the leader", 30_000, async () => {
    const leader = await cluster.leader();
    if (leader !== target) await leader.rpc.call(maintenance.moveLeader, { targetID });
    return true;
  });
  expect(await cluster.leader()).toBe(target);
}

/**
 * All changes that Kvorum members are asked for at once are made, whoever leads, also while a real
 * member asks for one: its own may be dropped, and then its caller waits in vain.
 */
async function changeMembersAtOnce(cluster: TestCluster): Promise<void> {
  const { memberUpdate, memberList } = etcdserverpb.ClusterDefinition.methods;
  const members = await Promise.all(
    cluster.running().map(async (member) => ({ member, ID: await idOf(member) })),
  );
  const isKvorum = ({ spec }: ClusterMember) => spec.program.kind === "kvorum";
  for (const more of [["http://127.0.0.1:9"], []]) {
    const peerURLs = (target: ClusterMember) => [target.peerUrl, ...more];
    const asked = members.flatMap(({ member: asking }) =>
      members.map(async ({ member, ID }, i) => {
        const request = {
          ID,
          peerURLs: peerURLs(member).map((url) => url.replace(":9", `:${i}9`)),
        };
        const call = asking.rpc.call(memberUpdate, request, isKvorum(asking) ? 60_000 : 3_000);
        if (isKvorum(asking)) await call;
        else await call.catch(() => {});
      }),
    );
    await Promise.all(asked);
  }
  // What a real member was asked for and did not answer may still be made, or be lost.
  const own = cluster.running().find(isKvorum)!;
  for (const { member, ID } of members) {
    await own.rpc.call(memberUpdate, { ID, peerURLs: [member.peerUrl] }, 60_000);
  }
  const { members: list } = await own.rpc.call(memberList, { linearizable: true });
  for (const { member, ID } of members) {
    expect(list.find((entry) => entry.ID === ID)?.peerURLs).toEqual([member.peerUrl]);
  }
}

/** A short lease ends on every member, whoever leads. */
async function expectLeasesToEnd(cluster: TestCluster): Promise<void> {
  const key = Buffer.from("short-lived");
  const { rpc } = await cluster.follower();
  const { ID } = await rpc.call(lease.leaseGrant, { ID: 0n, TTL: 2 });
  await rpc.call(kv.put, put({ key, value: Buffer.from("x"), lease: ID }));
  for (const member of cluster.running()) {
    expect((await member.rpc.call(kv.range, range({ key }))).kvs).toHaveLength(1);
  }
  await eventually("end of the lease", 20_000, async () => {
    const { kvs } = await rpc.call(kv.range, range({ key }));
    return kvs.length === 0 ? true : undefined;
  });
}

async function compareContents(cluster: TestCluster): Promise<void> {
  const everything = range({ key: Buffer.from([0]), rangeEnd: Buffer.from([0]) });
  const contents = await Promise.all(
    cluster.running().map(async ({ rpc }) => {
      const { kvs, header } = await rpc.call(kv.range, everything);
      return { kvs, revision: header!.revision };
    }),
  );
  for (const content of contents) expect(content).toEqual(contents[0]);
  const { memberList } = etcdserverpb.ClusterDefinition.methods;
  const lists = await Promise.all(
    cluster.running().map(({ rpc }) => settled(() => rpc.call(memberList, { linearizable: true }))),
  );
  for (const { members } of lists) expect(members).toEqual(lists[0]!.members);
}

/** What a server answers to a request that it understands and does not grant. */
const REFUSALS: ReadonlySet<number> = new Set([3, 5, 9, 11]);
/** An answer of a member whose leader is gone: the request is another's to make again. */
const UNAVAILABLE = 14;

/** Random requests of all kinds through all members. */
class MixedLoad {
  readonly #cluster: TestCluster;
  readonly #prng: Prng;
  readonly #ops: RandomOps;
  made = 0;
  refused = 0;

  constructor(cluster: TestCluster, prng: Prng) {
    this.#cluster = cluster;
    this.#prng = prng;
    this.#ops = new RandomOps(prng);
  }

  async run(count: number): Promise<void> {
    for (let left = Math.ceil(count); left > 0; left -= OPS_AT_ONCE) {
      const batch = Array.from({ length: Math.min(left, OPS_AT_ONCE) }, () => this.#next());
      await Promise.all(batch.map((op) => this.#make(op)));
    }
  }

  #next(): RandomOp {
    for (;;) {
      const op = this.#ops.next();
      if (!endsEtcd(op) && !(isOlder && dividesEtcd36(op))) return op;
    }
  }

  async #make(op: RandomOp): Promise<void> {
    const members = this.#cluster.running();
    const { rpc } = members[this.#prng.below(members.length)]!;
    this.made++;
    try {
      const answer = await rpc.call<unknown, unknown>(METHODS[op.kind] as never, op.request);
      const revision = (answer as { header?: { revision?: number } }).header?.revision ?? 0;
      this.#ops.revision = Math.max(this.#ops.revision, revision);
    } catch (error) {
      const { code } = error as { code: number };
      if (!REFUSALS.has(code) && code !== UNAVAILABLE) throw error;
      this.refused++;
    }
  }
}
