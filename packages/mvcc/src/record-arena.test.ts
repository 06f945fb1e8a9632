import { createPrng } from "@kvorum/base";
import { expect, test } from "vitest";
import { RecordArena, SlabPool } from "./record-arena.js";

/** @returns the address */
function write(arena: RecordArena, record: Uint8Array): number {
  const address = arena.reserve(record.length);
  const { bytes, start, end } = arena.place(address);
  expect(end - start).toBe(record.length);
  bytes.set(record, start);
  return address;
}

test("holds every record where it was written, also when its slabs were used before", () => {
  const seed = Number(process.env.KVORUM_SEED ?? Date.now() % 1_000_000);
  console.log(`KVORUM_SEED=${seed}`);
  const random = createPrng(seed);
  const pool = new SlabPool();
  for (let round = 0; round < 6; round++) {
    const arena = new RecordArena(pool);
    const records: Buffer[] = [];
    const addresses: number[] = [];
    const count = [0, 1, 40, 900][random.below(4)]!;
    for (let i = 0; i < count; i++) {
      const sizes = [0, 3, 300, 8_188, 8_189, 70_000];
      const length = random.below(20) === 0 ? sizes[random.below(6)]! : random.below(400);
      records.push(Buffer.alloc(length, i));
      addresses.push(write(arena, records[i]!));
    }
    for (const address of addresses) expect(arena.place(address).start % 4).toBe(0);
    const check = () => {
      for (const [i, address] of addresses.entries()) {
        // Not `toEqual`, which takes a minute for so many bytes.
        expect(arena.copy(address).equals(records[i]!)).toBe(true);
        expect(arena.view(address).equals(records[i]!)).toBe(true);
      }
    };
    check();
    arena.settle();
    check();
    arena.release();
  }
});

test("gives slabs back for the next records, a largely empty one at once", () => {
  const pool = new SlabPool();
  const arena = new RecordArena(pool);
  const small = write(arena, Buffer.from("small"));
  const slab = arena.place(small).bytes;
  arena.settle();
  expect(arena.copy(small)).toEqual(Buffer.from("small"));
  expect(arena.place(small).bytes.length).toBeLessThan(64);
  const next = new RecordArena(pool);
  expect(next.place(write(next, Buffer.from("next"))).bytes).toBe(slab);
  expect(arena.copy(small)).toEqual(Buffer.from("small"));
  next.release();
  expect(pool.take().bytes).toBe(slab);
  expect(pool.take().bytes).not.toBe(slab);
});
