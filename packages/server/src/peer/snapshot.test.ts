import { createHash } from "node:crypto";
import { createServer, type Server } from "node:net";
import { MessageType } from "@kvorum/raft";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { peerLimits } from "./limits.js";
import type { SnapshotDb } from "./snapshot-sender.js";
import { readableSize } from "./snapshot-sender.js";
import { messageOf } from "./testing/messages.js";
import { TestCluster, type TestMember } from "./testing/test-cluster.js";

const CHUNK_BYTES = 64 * 1024;
const TOTAL_BYTES = 50 * 1024 * 1024;

const cluster = new TestCluster();
let one: TestMember;
let two: TestMember;
beforeEach(async () => {
  one = await cluster.start({ id: 1n });
  two = await cluster.start({ id: 2n });
  one.transport.addPeer(2n, [two.url]);
});
afterEach(() => cluster.stop());

const confState = { voters: [1n, 2n], learners: [], votersOutgoing: [], learnersNext: [] };
const message = messageOf({
  type: MessageType.Snap,
  to: 2n,
  from: 1n,
  term: 4,
  snapshot: {
    data: Buffer.from('{"Root":{}}'),
    metadata: { index: 99, term: 4, confState: { ...confState, autoLeave: false } },
  },
});

/** A db that counts what was read of it. */
function dbOf(totalBytes: number, failAfterBytes = Number.POSITIVE_INFINITY) {
  const read = { bytes: 0, closed: 0, hash: createHash("sha256") };
  async function* chunks(): AsyncGenerator<Buffer> {
    while (read.bytes < totalBytes) {
      if (read.bytes >= failAfterBytes) throw new Error("db is gone");
      const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, totalBytes - read.bytes), read.bytes % 251);
      read.bytes += chunk.length;
      read.hash.update(chunk);
      yield chunk;
    }
  }
  const db: SnapshotDb = { totalBytes, chunks: chunks(), close: () => void read.closed++ };
  return { db, read };
}

describe("a snapshot", () => {
  it("streams in constant memory, is saved, and is stepped", async () => {
    const { db, read } = dbOf(TOTAL_BYTES);
    const hash = createHash("sha256");
    let arrived = 0;
    let aheadMax = 0;
    two.host.onDb = async (head, chunks) => {
      expect(head).toEqual(message);
      for await (const chunk of chunks) {
        hash.update(chunk);
        arrived += chunk.length;
        aheadMax = Math.max(aheadMax, read.bytes - arrived);
      }
    };
    one.transport.sendSnapshot(message, db);
    expect(one.transport.stat().snapshotsSending).toBe(1);
    await expect.poll(() => one.host.snapshots, { timeout: 20_000 }).toHaveLength(1);
    expect(one.host.snapshots).toEqual([{ id: 2n, arrived: true }]);
    expect(arrived).toBe(TOTAL_BYTES);
    expect(hash.digest("hex")).toBe(read.hash.digest("hex"));
    expect(two.host.stepped).toEqual([message]);
    expect(read.closed).toBe(1);
    expect(one.transport.stat().snapshotsSending).toBe(0);
    // What lies between reader and writer are the buffers of two sockets and the kernel's.
    expect(aheadMax).toBeLessThan(TOTAL_BYTES / 3);
  }, 30_000);

  it("is read no further while the receiver is busy", async () => {
    const { db, read } = dbOf(TOTAL_BYTES);
    let goOn = () => {};
    const gate = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    two.host.onDb = async (_, chunks) => {
      await gate;
      for await (const chunk of chunks) two.host.dbBytes += chunk.length;
    };
    one.transport.sendSnapshot(message, db);
    let before = -1;
    await expect
      .poll(
        () => {
          const isStill = read.bytes > 0 && read.bytes === before;
          before = read.bytes;
          return isStill;
        },
        { interval: 300, timeout: 10_000 },
      )
      .toBe(true);
    expect(read.bytes).toBeLessThan(TOTAL_BYTES / 2);
    goOn();
    await expect.poll(() => two.host.dbBytes, { timeout: 20_000 }).toBe(TOTAL_BYTES);
  }, 30_000);

  it("that can't be saved is reported, and read no further than needed", async () => {
    const { db, read } = dbOf(TOTAL_BYTES);
    two.host.onDb = () => Promise.reject(new Error("disk full"));
    one.transport.sendSnapshot(message, db);
    await expect.poll(() => one.host.snapshots).toEqual([{ id: 2n, arrived: false }]);
    expect(one.host.unreachable).toContain(2n);
    expect(read.closed).toBe(1);
    expect(two.host.stepped).toEqual([]);
  });

  it("whose db can't be read to its end is not taken", async () => {
    const { db, read } = dbOf(TOTAL_BYTES, 10 * CHUNK_BYTES);
    const failures: unknown[] = [];
    two.host.onDb = async (_, chunks) => {
      try {
        for await (const chunk of chunks) two.host.dbBytes += chunk.length;
      } catch (error) {
        failures.push(error);
        throw error;
      }
    };
    one.transport.sendSnapshot(message, db);
    await expect.poll(() => one.host.snapshots).toEqual([{ id: 2n, arrived: false }]);
    await expect.poll(() => failures).toHaveLength(1);
    expect(read.closed).toBe(1);
    expect(two.host.stepped).toEqual([]);
  });

  it("to nobody, or of too many, is closed and reported", async () => {
    const none = dbOf(1);
    one.transport.sendSnapshot({ ...message, to: 9n }, none.db);
    expect(none.read.closed).toBe(1);
    expect(one.host.snapshots).toEqual([{ id: 9n, arrived: false }]);
    let server: Server | undefined;
    const port = await new Promise<number>((resolve) => {
      server = createServer((socket) => socket.on("error", () => {}));
      server.listen(0, "127.0.0.1", () => {
        const bound = server?.address();
        resolve(typeof bound === "object" && bound !== null ? bound.port : 0);
      });
    });
    one.transport.addPeer(3n, [`http://127.0.0.1:${port}`]);
    const many = Array.from({ length: peerLimits.snapshotsInFlightMax + 1 }, () => dbOf(1));
    for (const { db } of many) one.transport.sendSnapshot({ ...message, to: 3n }, db);
    expect(many.map(({ read }) => read.closed)).toEqual([...Array(16).fill(0), 1]);
    expect(one.host.snapshots.at(-1)).toEqual({ id: 3n, arrived: false });
    await one.transport.stop();
    expect(many.every(({ read }) => read.closed === 1)).toBe(true);
    server?.close();
  });
});

it("sizes read like etcd's", () => {
  const sizes = [0, 9, 10, 999, 1000, 16_801_792, 1_234_567_890];
  expect(sizes.map(readableSize)).toEqual([
    "0 B",
    "9 B",
    "10 B",
    "999 B",
    "1.0 kB",
    "17 MB",
    "1.2 GB",
  ]);
});
