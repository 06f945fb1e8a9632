import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Client } from "@kvorum/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findOnPath, type ServerProcess, startKvorum } from "../support/processes.js";
import { election, lease, lock, Rpc } from "../support/rpc.js";
import { testUnless } from "../support/skip.js";

/** Those who stand in one queue with the TypeScript client: etcdctl, and callers of the services. */

const etcdctl = findOnPath("etcdctl");
const needsEtcdctl = testUnless(etcdctl === undefined ? "no etcdctl on PATH" : undefined);

let node: ServerProcess;
let client: Client;

beforeAll(async () => {
  node = await startKvorum("memory");
  client = new Client({ endpoints: [node.endpoint] });
});
afterAll(async () => {
  client?.close();
  await node?.stop();
});

/** A run of etcdctl under way, and what it has printed. */
class Run {
  readonly #child: ChildProcess;
  out = "";

  constructor(...args: string[]) {
    const env = { ...process.env, ETCDCTL_API: "3" };
    this.#child = spawn(etcdctl!, ["--endpoints", node.endpoint, ...args], { env });
    this.#child.stdout!.on("data", (chunk: Buffer) => {
      this.out += chunk.toString();
    });
  }

  /** Resolves when it has printed so many lines. */
  async lines(count: number): Promise<string[]> {
    const read = () => this.out.split("\n").slice(0, -1);
    await expect.poll(read, { timeout: 20_000 }).toHaveLength(count);
    return read();
  }

  /** Interrupts it, if it does not end by itself. @returns its exit code */
  async end(signal?: "SIGINT"): Promise<number | null> {
    if (signal !== undefined) this.#child.kill(signal);
    if (this.#child.exitCode === null) await once(this.#child, "exit");
    return this.#child.exitCode;
  }
}

/** Resolves when so many stand in the queue. */
async function queued(name: string, count: number): Promise<void> {
  const read = async () => (await client.kv.get(`${name}/`, { prefix: true })).count;
  await expect.poll(read, { timeout: 20_000 }).toBe(count);
}

needsEtcdctl("etcdctl lock and the client exclude each other", async () => {
  const theirs = new Run("lock", "shared");
  const [key] = await theirs.lines(2);
  expect(key).toMatch(/^shared\/[0-9a-f]+$/);
  expect(await client.tryLock("shared")).toBeUndefined();
  const waiting = client.lock("shared");
  await queued("shared", 2);
  const next = new Run("lock", "shared", "printenv", "ETCD_LOCK_KEY");
  await queued("shared", 3);
  await theirs.end("SIGINT");
  const held = await waiting;
  expect(held.isHeld).toBe(true);
  expect(next.out).toBe("");
  await held.unlock();
  expect((await next.lines(1))[0]).toMatch(/^shared\//);
  expect(await next.end()).toBe(0);
});

needsEtcdctl("etcdctl elect and the client lead in turn and see each other", async () => {
  const theirs = new Run("elect", "board", "theirs");
  const listening = new Run("elect", "--listen", "board");
  const [key] = await theirs.lines(2);
  const board = client.election("board");
  expect((await board.leader())?.kv.key.toString()).toBe(key);
  const seen = board.observe();
  expect((await seen.next()).value?.kv.value.toString()).toBe("theirs");
  const campaign = board.campaign("ours");
  await queued("board", 2);
  await listening.lines(2);
  await theirs.end("SIGINT");
  const ours = await campaign;
  expect((await seen.next()).value?.kv.value.toString()).toBe("ours");
  await ours.proclaim("proclaimed");
  expect((await seen.next()).value?.kv.value.toString()).toBe("proclaimed");
  const lines = [key, "theirs", `${ours.key}`, "ours", `${ours.key}`, "proclaimed"];
  expect(await listening.lines(6)).toEqual(lines);
  await listening.end("SIGINT");
  await ours.resign();
});

test("the services Lock and Election and the client stand in the same queues", async () => {
  const rpc = new Rpc(node.endpoint);
  try {
    const grant = async () => (await rpc.call(lease.leaseGrant, { TTL: 60, ID: 0n })).ID;
    const name = Buffer.from("service");
    const held = await client.lock("service");
    const theirs = rpc.call(lock.lock, { name, lease: await grant() });
    await queued("service", 2);
    await held.unlock();
    const { key } = await theirs;
    const waiting = client.lock("service");
    await queued("service", 2);
    await rpc.call(lock.unlock, { key });
    await (await waiting).unlock();

    const value = Buffer.from("theirs");
    const ours = await client.election("service").campaign("ours");
    const campaign = rpc.call(election.campaign, { name, value, lease: await grant() });
    await queued("service", 2);
    const { kv } = await rpc.call(election.leader, { name });
    expect(kv?.key).toEqual(ours.key);
    await ours.resign();
    expect((await campaign).leader?.key).toEqual(
      (await client.election("service").leader())?.kv.key,
    );
  } finally {
    rpc.close();
  }
});
