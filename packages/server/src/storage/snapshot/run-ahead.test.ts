import { type BoltStream, ChunkMemory } from "@kvorum/backends/boltfile";
import { MemoryFileSystem, SimulatedClock } from "@kvorum/base";
import { beforeEach, expect, test } from "vitest";
import { SNAPSHOT_AHEAD_BYTES, SNAPSHOT_PATIENCE_MS } from "./limits.js";
import { runAhead } from "./run-ahead.js";
import { collect, tree } from "./test-support.js";

const CHUNK_BYTES = 1024 * 1024;
const PATH = "/spool/tmp1";
let fs: MemoryFileSystem;
let clock: SimulatedClock;
beforeEach(async () => {
  clock = new SimulatedClock();
  fs = new MemoryFileSystem({ seed: 1 });
  await fs.makeDirectory("/spool");
});

/** `count` chunks that differ, the last one short, and what was done with them. */
function sourceOf(count: number, failAt = Number.POSITIVE_INFINITY) {
  const memory = new ChunkMemory(CHUNK_BYTES);
  const state = { made: 0, ended: 0 };
  async function* chunks(): AsyncGenerator<Buffer, void, undefined> {
    for (let i = 0; i < count; i++) {
      if (i === failAt) throw new Error("engine broke");
      const bytes = i === count - 1 ? 100 : CHUNK_BYTES;
      state.made++;
      yield memory.take(bytes).subarray(0, bytes).fill(i);
    }
  }
  const stream: BoltStream = {
    totalBytes: (count - 1) * CHUNK_BYTES + 100,
    chunks: chunks(),
    memory,
  };
  const ended = async () => void state.ended++;
  return { stream, state, options: { spool: { fs, path: PATH }, clock, ended } };
}

async function settled(isSo: () => boolean): Promise<void> {
  for (let i = 0; i < 10_000 && !isSo(); i++) await new Promise((resolve) => setImmediate(resolve));
  expect(isSo()).toBe(true);
}

test("loses its patience, is read to its end before the receiver takes anything, and keeps the order", async () => {
  const held = SNAPSHOT_AHEAD_BYTES / CHUNK_BYTES;
  const count = held + 20;
  const { stream, state, options } = sourceOf(count);
  const ahead = runAhead(stream, options);
  expect(ahead.totalBytes).toBe(stream.totalBytes);
  await settled(() => state.made === held + 1);
  await clock.run(SNAPSHOT_PATIENCE_MS - 1);
  expect([state.made, state.ended]).toEqual([held + 1, 0]);
  await clock.run(1);
  await settled(() => state.ended === 1);
  expect(state.made).toBe(count);
  expect(await tree(fs, "/spool")).toEqual([PATH]);
  expect((await fs.stat(PATH))!.sizeBytes).toBe(stream.totalBytes - SNAPSHOT_AHEAD_BYTES);
  const bytes = await collect(ahead);
  const { stream: same } = sourceOf(count);
  expect(bytes.equals(await collect(same))).toBe(true);
  expect(state.ended).toBe(1);
  expect(await tree(fs, "/spool")).toEqual([]);
});

test("goes from memory to the spool and back at any pace of the receiver", async () => {
  const count = 80;
  const { stream, options } = sourceOf(count);
  const parts: number[] = [];
  const spooled = new Set<number>();
  for await (const chunk of runAhead(stream, options).chunks) {
    expect(new Set(chunk).size).toBe(1);
    parts.push(chunk[0]!);
    spooled.add((await tree(fs, "/spool")).length);
    clock.advance(SNAPSHOT_PATIENCE_MS / 20);
    const turns = parts.length % 20 < 10 ? 0 : 8;
    for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
    stream.memory.give(chunk);
  }
  expect(parts).toEqual(Array.from({ length: count }, (_, i) => i));
  expect([...spooled]).toEqual([0, 1]);
  expect(await tree(fs, "/spool")).toEqual([]);
});

test("a receiver that is a little slower than the source needs no spool", async () => {
  const { stream, options } = sourceOf(40);
  fs.inject({ operation: "write", code: "ENOSPC", pathPart: "tmp1" });
  let bytes = 0;
  for await (const chunk of runAhead(stream, options).chunks) {
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(SNAPSHOT_PATIENCE_MS / 50);
    bytes += chunk.length;
  }
  expect(bytes).toBe(stream.totalBytes);
});

test("a chunk above the bound passes when nothing else waits", async () => {
  const memory = new ChunkMemory(CHUNK_BYTES);
  const totalBytes = 2 * SNAPSHOT_AHEAD_BYTES;
  async function* chunks(): AsyncGenerator<Buffer, void, undefined> {
    yield memory.take(totalBytes);
  }
  const { options } = sourceOf(1);
  const ahead = runAhead({ totalBytes, chunks: chunks(), memory }, options);
  expect((await collect(ahead)).length).toBe(totalBytes);
});

test("given up, it ends its source and leaves nothing behind", async () => {
  for (const steps of [0, 1, 12]) {
    const { stream, state, options } = sourceOf(1_000);
    const { chunks } = runAhead(stream, options);
    for (let i = 0; i < steps; i++) await chunks.next();
    await chunks.return();
    expect(state.ended).toBe(1);
    expect(state.made).toBeLessThan(1_000);
    expect(await tree(fs, "/spool")).toEqual([]);
  }
});

test("failures of the source and of the spool reach the receiver, behind what came before", async () => {
  const broken = sourceOf(10, 3);
  const { chunks } = runAhead(broken.stream, broken.options);
  for (let i = 0; i < 3; i++) expect((await chunks.next()).value![0]).toBe(i);
  await expect(chunks.next()).rejects.toThrow("engine broke");
  expect(broken.state.ended).toBe(1);

  const full = sourceOf(SNAPSHOT_AHEAD_BYTES / CHUNK_BYTES + 5);
  fs.inject({ operation: "write", code: "ENOSPC", pathPart: "tmp1" });
  const ahead = runAhead(full.stream, full.options);
  await settled(() => full.state.made === SNAPSHOT_AHEAD_BYTES / CHUNK_BYTES + 1);
  clock.advance(SNAPSHOT_PATIENCE_MS);
  await settled(() => full.state.ended === 1);
  await expect(collect(ahead)).rejects.toMatchObject({ name: "StorageError", code: "NO_SPACE" });
  expect(await tree(fs, "/spool")).toEqual([]);
});
