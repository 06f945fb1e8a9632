import { Client, type ClientOptions, type Lock } from "@kvorum/client";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { findEtcd, type ServerProcess, startEtcd, startKvorum } from "../support/processes.js";
import { testUnless } from "../support/skip.js";

/** Locks and elections of the TypeScript client, at a Kvorum node and at a real etcd. */

const etcd = findEtcd();
const needsEtcd = testUnless(
  etcd === undefined ? "no etcd on PATH or in KVORUM_TEST_ETCD" : undefined,
);

/** The least that a member grants, so that a loss shows soon. */
const SHORT = { ttlSeconds: 2 };

describe.each([
  { target: "kvorum", start: () => startKvorum("memory"), it: test },
  { target: "etcd", start: () => startEtcd(etcd!), it: needsEtcd },
])("at $target", ({ target, start, it }) => {
  let node: ServerProcess | undefined;
  const clients: Client[] = [];

  beforeAll(async () => {
    if (target === "kvorum" || etcd !== undefined) node = await start();
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });
  afterAll(() => node?.stop());

  function open(options: Partial<ClientOptions> = {}): Client {
    const client = new Client({ endpoints: [node!.endpoint], ...options });
    clients.push(client);
    return client;
  }

  async function keysOf(name: string): Promise<string[]> {
    const { kvs } = await open().kv.get(`${name}/`, { prefix: true, sortBy: "create" });
    return kvs.map(({ key }) => key.toString());
  }

  /** Resolves when so many stand in the queue. */
  async function queued(name: string, count: number): Promise<void> {
    await expect.poll(() => keysOf(name), { timeout: 20_000 }).toHaveLength(count);
  }

  it("one client at a time holds a lock, in the order of arrival", async () => {
    const order: number[] = [];
    let holders = 0;
    const first = await open().lock("order");
    const waiting = [];
    for (let i = 1; i <= 4; i++) {
      waiting.push(
        open()
          .lock("order")
          .then(async (lock) => {
            expect(++holders).toBe(1);
            expect(lock.isHeld).toBe(true);
            order.push(i);
            await new Promise((resolve) => setImmediate(resolve));
            holders--;
            await lock.unlock();
            return lock;
          }),
      );
      await queued("order", 1 + i);
    }
    expect(order).toEqual([]);
    await first.unlock();
    const locks = [first, ...(await Promise.all(waiting))];
    expect(order).toEqual([1, 2, 3, 4]);
    const revisions = locks.map(({ createRevision }) => createRevision);
    expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
    expect(await keysOf("order")).toEqual([]);
    expect(locks.some(({ isHeld }) => isHeld)).toBe(false);
  });

  it("a lock that is taken is not tried for long, and leaves no key", async () => {
    const held = (await open().tryLock("try")) as Lock;
    expect(held.key.toString()).toBe(`try/${held.lease.toString(16)}`);
    expect(await open().tryLock("try")).toBeUndefined();
    expect(await keysOf("try")).toEqual([held.key.toString()]);
    await held.unlock();
    await held.unlock();
    expect(await open().tryLock("try")).toMatchObject({ isHeld: true });
  });

  it("who gives up waiting for a lock leaves no key behind", async () => {
    const held = await open().lock("abort");
    const abort = new AbortController();
    const given = open().lock("abort", { signal: abort.signal });
    const refused = expect(given).rejects.toMatchObject({ code: "CANCELLED" });
    await queued("abort", 2);
    const last = open().lock("abort");
    await queued("abort", 3);
    abort.abort();
    await refused;
    expect(await keysOf("abort")).toHaveLength(2);
    await expect(open().lock("abort", { signal: abort.signal })).rejects.toMatchObject({
      code: "CANCELLED",
    });
    expect(held.isHeld).toBe(true);
    await held.unlock();
    expect((await last).isHeld).toBe(true);
  });

  it("a lock whose lease is lost says so, and the next has it", async () => {
    const lock = await open().lock("lost", SHORT);
    const next = open().lock("lost");
    await queued("lost", 2);
    const { kv, lease } = open();
    const guarded = { compare: [lock.owner] };
    expect((await kv.txn(guarded)).succeeded).toBe(true);
    const lost = new Promise((resolve) => lock.lost.addEventListener("abort", resolve));
    await lease.revoke(lock.lease);
    expect((await next).isHeld).toBe(true);
    expect((await kv.txn(guarded)).succeeded).toBe(false);
    await lost;
    expect(lock.isHeld).toBe(false);
    expect(lock.lost.reason).toMatchObject({ code: "NOT_FOUND" });
    await lock.unlock();
    expect((await next).isHeld).toBe(true);
  });

  it("who loses the lease or the key while waiting for a lock is told", async () => {
    const held = await open().lock("waits");
    const { kv, lease } = open();
    const losesLease = expect(open().lock("waits", SHORT)).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: "etcdserver: requested lease not found",
    });
    await queued("waits", 2);
    await lease.revoke(BigInt(`0x${(await keysOf("waits"))[1]!.split("/")[1]}`));
    await losesLease;
    const losesKey = expect(open().lock("waits")).rejects.toMatchObject({
      message: "mutex: session is expired",
    });
    await queued("waits", 2);
    await kv.delete((await keysOf("waits"))[1]!);
    await held.unlock();
    await losesKey;
  });

  it("a client that is gone holds a lock for the TTL, a waiting one not at all", async () => {
    const gone = open();
    const held = await gone.lock("gone", SHORT);
    const stops = open();
    const closed = expect(stops.lock("gone", SHORT)).rejects.toMatchObject({ code: "CLOSED" });
    await queued("gone", 2);
    const next = open().lock("gone");
    await queued("gone", 3);
    stops.close();
    await closed;
    gone.close();
    expect((await next).isHeld).toBe(true);
    expect(held.lost.reason).toMatchObject({ code: "CLOSED" });
  });

  it("a compaction does not keep a waiting client from the lock", async () => {
    const held = await open().lock("compacted");
    const next = open().lock("compacted");
    await queued("compacted", 2);
    const { kv } = open();
    const { header } = await kv.put("other", "");
    await kv.compact(header.revision);
    await held.unlock();
    expect((await next).isHeld).toBe(true);
  });

  it("candidates lead one after the other, and who observes sees each of them", async () => {
    const name = "election";
    const election = open().election(name);
    expect(await election.leader()).toBeUndefined();
    const seen = open().election(name).observe();
    const next = async () => (await seen.next()).value?.kv.value.toString();
    const early = next();
    const first = await election.campaign("first");
    expect(await early).toBe("first");
    const second = open().election(name).campaign("second", SHORT);
    await queued(name, 2);
    const third = open().election(name).campaign("third");
    await queued(name, 3);
    await first.proclaim("proclaimed");
    expect(await next()).toBe("proclaimed");
    expect((await election.leader())?.kv.key.equals(first.key)).toBe(true);
    await first.resign();
    expect(await next()).toBe("second");
    expect(first.isLeader).toBe(false);
    await expect(first.proclaim("late")).rejects.toMatchObject({ message: "election: not leader" });
    const deposed = await second;
    await open().lease.revoke(deposed.lease);
    expect(await next()).toBe("third");
    expect((await third).isLeader).toBe(true);
    await expect.poll(() => deposed.isLeader, { timeout: 10_000 }).toBe(false);
    await seen.return();
  });

  it("a candidate who gives up leaves no key behind, nor an observer a watch", async () => {
    const election = open().election("given up");
    await election.campaign("leads");
    const abort = new AbortController();
    const { signal } = abort;
    const refused = expect(election.campaign("waits", { signal })).rejects.toMatchObject({
      code: "CANCELLED",
    });
    await queued("given up", 2);
    const seen: string[] = [];
    for await (const { kv } of election.observe({ signal })) {
      seen.push(kv.value.toString());
      setImmediate(() => abort.abort());
    }
    expect(seen).toEqual(["leads"]);
    await refused;
    expect(await keysOf("given up")).toHaveLength(1);
  });
});
