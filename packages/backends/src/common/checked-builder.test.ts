import { createPrng } from "@kvorum/base";
import { crc32c } from "@node-rs/crc32";
import { expect, test } from "vitest";
import { noise } from "../conformance/model.js";
import { CheckedBuilder } from "./checked-builder.js";
import { PackedBatch } from "./packed-batch.js";
import { CHECKSUM_BYTES, recordChecksum } from "./record-checksum.js";
import { ZeroExtension } from "./zero-extension.js";

const seed = Number(process.env.KVORUM_SEED ?? 1);
const FILE = "/data/file";

test("zeros behind a state are counted, not read", () => {
  const prng = createPrng(seed);
  const extension = new ZeroExtension();
  for (const byteCount of [0, 1, 255, 256, 257, 65_535, 65_536, 70_000, 16_777_216 + 300]) {
    for (let i = 0; i < 3; i++) {
      const state = prng.below(2 ** 32);
      const extended = extension.extend(state, byteCount);
      const whole = crc32c(Buffer.alloc(byteCount), ~state >>> 0);
      expect(~extended >>> 0, `${byteCount} zeros (seed ${seed})`).toBe(whole);
    }
  }
});

test("batches of records of all sizes pass, and the one that is damaged is named", () => {
  const prng = createPrng(seed);
  const builder = new CheckedBuilder({ file: FILE, bucket: "key" });
  for (let round = 0; round < 200; round++) {
    const count = 1 + prng.below(40);
    const damaged = round % 2 === 0 ? undefined : prng.below(count);
    const keys: Buffer[] = [];
    for (let i = 0; i < count; i++) {
      const key = noise(1 + prng.below(30), 40 * round + i);
      const value = noise(prng.below(i % 9 === 0 ? 20_000 : 300), i + 1);
      const checksum = recordChecksum("key", key, value);
      const joined = Buffer.alloc(key.length + value.length + CHECKSUM_BYTES);
      const valueEnd = joined.length - CHECKSUM_BYTES;
      key.copy(joined);
      value.copy(joined, key.length);
      joined.writeUInt32LE(checksum, valueEnd);
      const bit = prng.below(8 * valueEnd);
      if (i === damaged) joined[bit >> 3]! ^= 1 << (bit & 7);
      if (i % 2 === 0) builder.addJoined(joined, 0, key.length, valueEnd);
      else {
        const parts = [joined.subarray(0, key.length), joined.subarray(key.length, valueEnd)];
        builder.addParts(parts[0]!, parts[1]!, checksum);
      }
      keys.push(Buffer.from(joined.subarray(0, key.length)));
    }
    if (damaged === undefined) {
      const found = new PackedBatch(builder.take()).keys.map((key) => Buffer.from(key));
      expect(found).toEqual(keys);
    } else {
      const name = keys[damaged]!.toString("hex");
      expect(() => builder.take(), `seed ${seed}`).toThrow(`record ${name} of bucket "key"`);
    }
    expect(builder.empty).toBe(true);
  }
});

test("a wrong checksum, another bucket and a record without a checksum are found", () => {
  const builder = new CheckedBuilder({ file: FILE, bucket: "key" });
  const [key, value] = [Buffer.from("key"), Buffer.from("value")];
  builder.addParts(key, value, recordChecksum("key", key, value) ^ 1);
  expect(() => builder.take()).toThrow(/\/data\/file.*damaged/);
  builder.addParts(key, value, recordChecksum("meta", key, value));
  expect(() => builder.take()).toThrow(/damaged/);
  const short = { key: Buffer.from("0key"), keyLength: 4, values: Buffer.alloc(3) };
  expect(() => builder.addStored({ ...short, valueStart: 0, valueEnd: 3 })).toThrow(/damaged/);
});
