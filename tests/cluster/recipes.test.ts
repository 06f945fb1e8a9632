import { expect, test } from "vitest";
import { eventually, idOf, kvorumOn, TestCluster } from "../support/cluster.js";
import type { ClusterMember } from "../support/cluster-member.js";
import { deleteRange, kv, lease, lock, maintenance, put, range } from "../support/rpc.js";

/** Locks of three members: who waits keeps the place while the leader changes and dies. */

const TEST_TIMEOUT_MS = 240_000;
const WAIT_MS = 120_000;
const WITHIN_MS = 30_000;
const NAME = Buffer.from("l");
const COUNTER = Buffer.from("counter");

async function grant({ rpc }: ClusterMember): Promise<bigint> {
  return (await rpc.call(lease.leaseGrant, { ID: 0n, TTL: 600 })).ID;
}

async function take({ rpc }: ClusterMember, id: bigint): Promise<Uint8Array> {
  return (await rpc.call(lock.lock, { name: NAME, lease: id }, WAIT_MS)).key;
}

/** Adds one to a key in two steps, which another holder between them would undo. */
async function count({ rpc }: ClusterMember): Promise<void> {
  const { kvs } = await rpc.call(kv.range, range({ key: COUNTER }));
  const value = Buffer.from(String(Number(Buffer.from(kvs[0]?.value ?? [])) + 1));
  await rpc.call(kv.put, put({ key: COUNTER, value }));
}

test(
  "those who wait for a lock have it in their order, over changes of the leader",
  async () => {
    const cluster = await TestCluster.start({
      programs: [kvorumOn("lmdb"), kvorumOn("lmdb"), kvorumOn("lmdb")],
    });
    try {
      const leader = await cluster.leader();
      const [first, second] = cluster.running().filter((member) => member !== leader);
      const own = await take(first!, await grant(first!));
      const order: number[] = [];
      const waiting: Promise<void>[] = [];
      for (const member of [first!, second!, second!, first!]) {
        const turn = waiting.length;
        const id = await grant(member);
        const wait = async () => {
          const key = await take(member, id);
          order.push(turn);
          await count(member);
          await member.rpc.call(lock.unlock, { key });
        };
        waiting.push(wait());
        const key = Buffer.from(`l/${id.toString(16)}`);
        await eventually(`${key} in the queue`, WITHIN_MS, async () => {
          const { kvs } = await member.rpc.call(kv.range, range({ key }));
          return kvs[0];
        });
      }
      await leader.rpc.call(maintenance.moveLeader, { targetID: await idOf(first!) });
      expect(await cluster.leader()).toBe(first);
      await first!.rpc.call(maintenance.moveLeader, { targetID: await idOf(leader) });
      expect(await cluster.leader()).toBe(leader);
      await leader.stop("SIGKILL");
      await cluster.leader();
      expect(order).toEqual([]);
      await second!.rpc.call(kv.deleteRange, deleteRange({ key: own }));
      await Promise.all(waiting);
      expect(order).toEqual([0, 1, 2, 3]);
      const { kvs } = await second!.rpc.call(kv.range, range({ key: COUNTER }));
      expect(Buffer.from(kvs[0]!.value).toString()).toBe("4");
    } finally {
      await cluster.stop("SIGKILL");
    }
  },
  TEST_TIMEOUT_MS,
);
