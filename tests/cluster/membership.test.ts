import { etcdserverpb } from "@kvorum/api";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually, idOf, kvorumOn, settled, statusOf, TestCluster } from "../support/cluster.js";
import { promoted } from "../support/cluster-faults.js";
import { sleep } from "../support/cluster-load.js";
import type { ClusterMember } from "../support/cluster-member.js";
import { grpcFrame, rawCall } from "../support/raw-grpc.js";
import { kv, lease, lock, maintenance, put, range } from "../support/rpc.js";

/** Changes of membership and what a cluster says when it can't, text for text. */

const { memberAdd, memberList, memberPromote, memberRemove, memberUpdate } =
  etcdserverpb.ClusterDefinition.methods;
const UNKNOWN_MEMBER = 0xdeadn;
const FREE_URL = "http://127.0.0.1:9";
const TEST_TIMEOUT_MS = 120_000;
const CHANGE_DEADLINE_MS = 10_000;
const ROUNDS_AT_ONCE = 4;

type Refusal = readonly [code: number, text: string];

/** What a change is refused with, once the members have been connected for long enough. */
function changeRefusal(change: () => Promise<unknown>): Promise<Refusal> {
  return refusal(settled(change));
}

/** What a call is refused with. */
async function refusal(call: Promise<unknown>): Promise<Refusal> {
  try {
    await call;
  } catch (error) {
    const { code: found, details } = error as { code: number; details: string };
    return [found, details];
  }
  throw new Error("the call was not refused");
}

const key = (name: string) => Buffer.from(name);

async function listOf(member: ClusterMember, linearizable = true) {
  return (await member.rpc.call(memberList, { linearizable })).members;
}

describe("a cluster of three", () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await TestCluster.start({ programs: ["lmdb", "leveldb", "sqlite"].map(kvorumOn) });
  }, TEST_TIMEOUT_MS);
  afterAll(() => cluster.stop());

  test("lists its members, linearizable, the same on each and sorted by id", async () => {
    const lists = await Promise.all(cluster.members.map((member) => listOf(member)));
    const ids = lists[0]!.map(({ ID }) => ID);
    expect(ids).toEqual([...ids].sort((a, b) => (a < b ? -1 : 1)));
    for (const list of lists) expect(list).toEqual(lists[0]);
    const expected = cluster.members.map(({ name, peerUrl, clientUrl }) => {
      return { name, peerURLs: [peerUrl], clientURLs: [clientUrl], isLearner: false };
    });
    expect(lists[0]).toEqual(
      expect.arrayContaining(expected.map((member) => expect.objectContaining(member))),
    );
  });

  test("refuses what names no member, a taken URL, or none", async () => {
    const { rpc, peerUrl } = cluster.at(0);
    const ask = <Request>(
      method: Parameters<typeof rpc.call<Request, unknown>>[0],
      request: Request,
    ) => changeRefusal(() => rpc.call(method, request, CHANGE_DEADLINE_MS));
    const add = (...peerURLs: string[]) => ask(memberAdd, { peerURLs, isLearner: true });
    expect(await add()).toEqual([3, "etcdserver: given member URLs are invalid"]);
    expect(await add("127.0.0.1")).toEqual([3, "etcdserver: given member URLs are invalid"]);
    expect(await add(peerUrl)).toEqual([9, "etcdserver: Peer URLs already exists"]);
    const notFound = [5, "etcdserver: member not found"];
    const ID = UNKNOWN_MEMBER;
    expect(await ask(memberRemove, { ID })).toEqual(notFound);
    expect(await ask(memberPromote, { ID })).toEqual(notFound);
    expect(await ask(memberUpdate, { ID, peerURLs: [FREE_URL] })).toEqual(notFound);
    const second = await idOf(cluster.at(1));
    expect(await ask(memberUpdate, { ID: second, peerURLs: [peerUrl] })).toEqual([
      ...[9, "etcdserver: Peer URLs already exists"],
    ]);
    for (const member of cluster.members) {
      const promotion = () => member.rpc.call(memberPromote, { ID: second }, CHANGE_DEADLINE_MS);
      expect(await changeRefusal(promotion)).toEqual([
        ...[9, "etcdserver: can only promote a learner member"],
      ]);
    }
  });

  test("updates a member's peer URLs through a follower, and back", async () => {
    const follower = await cluster.follower();
    const target = cluster.members.find((member) => member !== follower)!;
    const ID = await idOf(target);
    const update = async (peerURLs: string[]) => {
      const request = { ID, peerURLs };
      const { members } = await follower.rpc.call(memberUpdate, request, CHANGE_DEADLINE_MS);
      expect(members.find((member) => member.ID === ID)?.peerURLs).toEqual(peerURLs);
      for (const member of cluster.members) {
        const found = (await listOf(member)).find((entry) => entry.ID === ID);
        expect(found).toMatchObject({ name: target.name, peerURLs });
      }
    };
    await update([target.peerUrl, FREE_URL]);
    await update([target.peerUrl]);
  });

  test("makes all changes that are asked for at once, through any member", async () => {
    const ids = await Promise.all(cluster.members.map(idOf));
    const urlsOf = (i: number, round: number) => {
      const { peerUrl } = cluster.at(i);
      return round === ROUNDS_AT_ONCE - 1 ? [peerUrl] : [peerUrl, `${FREE_URL}${i}${round}`];
    };
    for (let round = 0; round < ROUNDS_AT_ONCE; round++) {
      // Every member is asked to change every member: nine changes, of which a leader takes one.
      await Promise.all(
        cluster.members.flatMap(({ rpc }) =>
          ids.map((ID, i) => rpc.call(memberUpdate, { ID, peerURLs: urlsOf(i, round) }, 30_000)),
        ),
      );
      for (const member of cluster.members) {
        const urls = new Map((await listOf(member)).map(({ ID, peerURLs }) => [ID, peerURLs]));
        for (const [i, ID] of ids.entries()) expect(urls.get(ID)).toEqual(urlsOf(i, round));
      }
    }
  }, 120_000);

  test("moves its leader, and says when it can't", async () => {
    const leader = await cluster.leader();
    const follower = await cluster.follower();
    const targetID = await idOf(follower);
    expect(await refusal(follower.rpc.call(maintenance.moveLeader, { targetID }))).toEqual([
      ...[9, "etcdserver: not leader"],
    ]);
    expect(
      await refusal(leader.rpc.call(maintenance.moveLeader, { targetID: UNKNOWN_MEMBER })),
    ).toEqual([9, "etcdserver: bad leader transferee"]);
    await leader.rpc.call(maintenance.moveLeader, { targetID });
    expect(await cluster.leader()).toBe(follower);
  });

  test("keeps leases alive, lists them and reads through followers", async () => {
    const follower = await cluster.follower();
    const { ID } = await follower.rpc.call(lease.leaseGrant, { ID: 0n, TTL: 3 });
    const request = put({ key: key("leased"), value: key("x"), lease: ID });
    await cluster.at(0).rpc.call(kv.put, request);
    for (let i = 0; i < 4; i++) {
      await sleep(1_200);
      expect(await keptAlive(follower, ID)).toBe(3);
    }
    for (const { rpc } of cluster.members) {
      const left = await rpc.call(lease.leaseTimeToLive, { ID, keys: true });
      expect(left).toMatchObject({ grantedTTL: 3 });
      expect(left.TTL).toBeGreaterThan(0);
      expect(left.keys.map(String)).toEqual(["leased"]);
      expect((await rpc.call(kv.range, range({ key: key("leased") }))).kvs).toHaveLength(1);
      expect(await keptAlive(cluster.at(0), UNKNOWN_MEMBER)).toBe(0);
    }
    await eventually("end of a lease that nobody keeps", 20_000, async () => {
      const { kvs } = await follower.rpc.call(kv.range, range({ key: key("leased") }));
      return kvs.length === 0 ? true : undefined;
    });
  });

  test("admits a learner, which refuses most, promotes it, and lets it go with status 0", async () => {
    const leader = await cluster.leader();
    const follower = await cluster.follower();
    const learner = await cluster.join(kvorumOn("lmdb"), { isLearner: true, via: follower });
    const ID = await eventually("learner that has joined", 30_000, async () => {
      const { id, isLearner } = await statusOf(learner);
      return isLearner ? id : undefined;
    });
    await expectLearnerRefusals(learner);
    const second = { peerURLs: [FREE_URL], isLearner: true };
    expect(await changeRefusal(() => leader.rpc.call(memberAdd, second))).toEqual([
      ...[9, "etcdserver: too many learner members in cluster"],
    ]);
    expect(await refusal(leader.rpc.call(maintenance.moveLeader, { targetID: ID }))).toEqual([
      ...[9, "etcdserver: bad leader transferee"],
    ]);
    await promoted(learner, follower);
    await learner.serving();
    expect((await listOf(learner)).find((member) => member.ID === ID)?.isLearner).toBe(false);
    await cluster.equalHash();

    const { members } = await settled(() => leader.rpc.call(memberRemove, { ID }));
    expect(members.map((member) => member.ID)).not.toContain(ID);
    expect(await learner.exited).toBe(0);
    expect(await changeRefusal(() => leader.rpc.call(memberRemove, { ID }, 3_000))).toEqual([
      ...[5, "etcdserver: member not found"],
    ]);
    await cluster.forget(learner);
  }, 120_000);

  test("removes its leader, which stops with status 0, and goes on", async () => {
    const leader = await cluster.leader();
    const follower = await cluster.follower();
    const ID = await idOf(leader);
    await settled(() => follower.rpc.call(memberRemove, { ID }));
    expect(await leader.exited).toBe(0);
    leader.launch();
    expect(await leader.exited, leader.log.slice(-2_000)).toBe(0);
    expect(leader.log).toContain("the member has been permanently removed from the cluster");
    await cluster.forget(leader);
    await cluster.leader();
    await follower.rpc.call(kv.put, put({ key: key("after"), value: key("x") }));
    await cluster.equalHash();
  }, 120_000);
});

/** @returns the TTL that the answer has */
function keptAlive(member: ClusterMember, ID: bigint): Promise<number> {
  const { LeaseKeepAliveRequest, LeaseKeepAliveResponse } = etcdserverpb;
  const path = "/etcdserverpb.Lease/LeaseKeepAlive";
  const stream = member.rpc.stream(path, LeaseKeepAliveRequest, LeaseKeepAliveResponse);
  return new Promise((resolve, reject) => {
    stream.on("error", reject);
    stream.on("data", ({ TTL }: etcdserverpb.LeaseKeepAliveResponse) => {
      stream.end();
      resolve(TTL);
    });
    stream.write({ ID });
  });
}

async function expectLearnerRefusals({ rpc }: ClusterMember): Promise<void> {
  const refused = [9, "etcdserver: rpc not supported for learner"];
  expect(await refusal(rpc.call(kv.range, range({ key: key("a") })))).toEqual(refused);
  expect(await refusal(rpc.call(kv.put, put({ key: key("a") })))).toEqual(refused);
  expect(await refusal(rpc.call(lease.leaseGrant, { ID: 0n, TTL: 5 }))).toEqual(refused);
  expect(await refusal(rpc.call(lock.lock, { name: key("l"), lease: 0n }))).toEqual(refused);
  expect(await refusal(rpc.call(memberList, { linearizable: false }))).toEqual(refused);
  expect(await refusal(rpc.call(maintenance.hashKV, { revision: 0 }))).toEqual(refused);
  expect(await refusal(rpc.call(maintenance.defragment, {}))).toEqual(refused);
  const local = range({ key: key("a"), serializable: true });
  expect((await rpc.call(kv.range, local)).header?.memberId).not.toBe(0n);
}

describe("strict reconfiguration", () => {
  test(
    "refuses what would lose the quorum",
    async () => {
      const cluster = await TestCluster.start({ programs: ["lmdb", "lmdb", "lmdb"].map(kvorumOn) });
      try {
        const leader = await cluster.leader();
        const [down, other] = cluster.members.filter((member) => member !== leader);
        const downId = await idOf(down!);
        const otherId = await idOf(other!);
        const add = { peerURLs: [FREE_URL], isLearner: false };
        // Nobody has been connected for five seconds yet, whatever else is true.
        await down!.stop("SIGKILL");
        await eventually("missed member", 20_000, async () =>
          (await refusal(leader.rpc.call(memberAdd, add)))[1].endsWith("unhealthy cluster")
            ? true
            : undefined,
        );
        expect(await refusal(leader.rpc.call(memberAdd, add))).toEqual([
          ...[14, "etcdserver: unhealthy cluster"],
        ]);
        const learner = { ...add, isLearner: true };
        expect(await refusal(leader.rpc.call(memberAdd, learner))).toEqual([
          ...[14, "etcdserver: unhealthy cluster"],
        ]);
        expect(await refusal(leader.rpc.call(memberRemove, { ID: otherId }))).toEqual([
          ...[14, "etcdserver: unhealthy cluster"],
        ]);
        // The one that is down takes no vote with it.
        await leader.rpc.call(memberRemove, { ID: downId });
        // Two are left: a third that has not started, and then no fourth before it has.
        const { member } = await settled(() => leader.rpc.call(memberAdd, add));
        expect(
          await refusal(leader.rpc.call(memberAdd, { ...add, peerURLs: [`${FREE_URL}9`] })),
        ).toEqual([2, "etcdserver: re-configuration failed due to not enough started members"]);
        expect(await refusal(leader.rpc.call(memberRemove, { ID: otherId }))).toEqual([
          ...[2, "etcdserver: re-configuration failed due to not enough started members"],
        ]);
        await settled(() => leader.rpc.call(memberRemove, { ID: member!.ID }));
        await cluster.forget(down!);
        await cluster.equalHash();
      } finally {
        await cluster.stop();
      }
    },
    TEST_TIMEOUT_MS,
  );
});

describe("without a quorum", () => {
  let cluster: TestCluster;
  let last: ClusterMember;
  beforeAll(async () => {
    cluster = await TestCluster.start({
      programs: ["lmdb", "leveldb", "sqlite"].map(kvorumOn),
      args: ["--heartbeat-interval", "50", "--election-timeout", "500"],
    });
    await cluster.at(0).rpc.call(kv.put, put({ key: key("a"), value: key("x") }));
    await cluster.equalHash();
    last = await cluster.leader();
    const others = cluster.members.filter((member) => member !== last);
    await Promise.all(others.map((member) => member.stop("SIGKILL")));
    await eventually("member without a leader", 20_000, async () =>
      (await statusOf(last)).leader === 0n ? true : undefined,
    );
  }, TEST_TIMEOUT_MS);
  afterAll(() => cluster.stop("SIGKILL"));

  test("serializable reads are answered, and status says that there is no leader", async () => {
    const { kvs } = await last.rpc.call(kv.range, range({ key: key("a"), serializable: true }));
    expect(kvs).toHaveLength(1);
    const status = await last.rpc.call(maintenance.status, {});
    expect(status.errors).toContain("etcdserver: no leader");
  });

  test("who demands a leader is refused at once", async () => {
    const request = range({ key: key("a"), serializable: true });
    const data = grpcFrame(etcdserverpb.RangeRequest.encode(request).finish());
    const headers = { hasleader: "true" };
    expect(await rawCall(last.endpoint, "/etcdserverpb.KV/Range", data, headers)).toMatchObject({
      grpcStatus: 14,
      grpcMessage: "etcdserver: no leader",
    });
  });

  test("writes, reads and leases time out, each with its own text", async () => {
    const { rpc } = last;
    const [write, granted, read, listed, promotion, alive, left] = await Promise.all([
      refusal(rpc.call(kv.put, put({ key: key("a") }))),
      refusal(rpc.call(lease.leaseGrant, { ID: 0n, TTL: 5 })),
      refusal(rpc.call(kv.range, range({ key: key("a") }))),
      refusal(rpc.call(memberList, { linearizable: true })),
      refusal(rpc.call(memberPromote, { ID: UNKNOWN_MEMBER })),
      refusal(keptAlive(last, UNKNOWN_MEMBER)),
      refusal(rpc.call(lease.leaseTimeToLive, { ID: UNKNOWN_MEMBER, keys: false })),
    ]);
    const timeout = [14, "etcdserver: request timed out"];
    const noLeader = [14, "etcdserver: no leader"];
    expect({ write, granted, read, listed, promotion, alive, left }).toEqual({
      write: [4, "context deadline exceeded"],
      granted: [4, "context deadline exceeded"],
      read: timeout,
      listed: timeout,
      promotion: noLeader,
      alive: noLeader,
      left: noLeader,
    });
    expect((await rpc.call(memberList, { linearizable: false })).members).toHaveLength(3);
  });

  test("a promotion looks for a leader until there is one", async () => {
    const promotion = refusal(last.rpc.call(memberPromote, { ID: UNKNOWN_MEMBER }));
    const change = { ID: await idOf(last), peerURLs: [last.peerUrl] };
    const update = last.rpc.call(memberUpdate, change, 30_000);
    const other = cluster.members.find((member) => member !== last)!;
    other.launch();
    expect(await promotion).toEqual([5, "etcdserver: member not found"]);
    const { members } = await update;
    expect(members.find(({ ID }) => ID === change.ID)?.peerURLs).toEqual([last.peerUrl]);
  });
});
