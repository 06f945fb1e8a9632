import { etcdserverpb } from "@kvorum/api";
import { createPrng } from "@kvorum/base";
import { expect, test } from "vitest";
import { isLongerThan, RecordsSource } from "./records-source.js";

const seed = Number(process.env.KVORUM_SEED ?? Date.now() % 2 ** 31);

test("pieces of any size make the list that a reply holds", () => {
  console.log(`KVORUM_SEED=${seed}`);
  const prng = createPrng(seed);
  for (let round = 0; round < 200; round++) {
    const records = Array.from({ length: 1 + prng.below(20) }, () =>
      Buffer.alloc(
        prng.below(10) === 0 ? 16_000 + prng.below(1_000) : prng.below(300),
        prng.below(256),
      ),
    );
    const source = new RecordsSource(records);
    const message = Buffer.alloc(source.length);
    const pieceMax = 1 + prng.below(1 + prng.below(20_000));
    for (let at = 0; at < message.length; ) {
      // The room behind a piece is not the source's to write into.
      const count = Math.min(message.length - at, 1 + prng.below(pieceMax));
      const room = Buffer.alloc(3 + count + 8, 0xee);
      source.copyNext(room, 3, count);
      expect(room.subarray(3 + count).every((byte) => byte === 0xee)).toBe(true);
      room.copy(message, at, 3, 3 + count);
      at += count;
    }
    expect(message.equals(listOf(records))).toBe(true);
  }
});

test("a list is longer than what its records and their heads do not fill", () => {
  const records = [Buffer.alloc(10), Buffer.alloc(200)];
  expect(isLongerThan(2 + 10 + 3 + 200, records)).toBe(false);
  expect(isLongerThan(2 + 10 + 3 + 199, records)).toBe(true);
  expect(isLongerThan(0, [])).toBe(false);
});

/** Field 2, written byte for byte by the rules of the wire format. */
function listOf(records: readonly Buffer[]): Buffer {
  const writer = etcdserverpb.RangeResponse.encode({
    header: undefined,
    kvs: [],
    more: false,
    count: 0,
  });
  for (const record of records) writer.uint32(0x12).bytes(record);
  return Buffer.from(writer.finish());
}
