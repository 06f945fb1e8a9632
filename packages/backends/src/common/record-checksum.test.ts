import { createPrng } from "@kvorum/base";
import { crc32c } from "@node-rs/crc32";
import { expect, test } from "vitest";
import { noise } from "../conformance/model.js";
import {
  CHECKSUM_BYTES,
  recordChecksum,
  unseal,
  unsealCopy,
  writeSealed,
} from "./record-checksum.js";

const seed = Number(process.env.KVORUM_SEED ?? 1);

test("the checksum is CRC-32C over bucket id, key and value", () => {
  const prng = createPrng(seed);
  for (let i = 0; i < 300; i++) {
    const key = noise(1 + prng.below(100), i);
    const value = noise(prng.below(200), i + 1);
    const whole = Buffer.concat([Buffer.of(6), key, value]);
    expect(recordChecksum("key", key, value)).toBe(crc32c(whole));
  }
});

test("each changed bit, another key and another bucket are found", () => {
  const key = Buffer.from("key");
  const value = noise(40, 3);
  const stored = Buffer.alloc(value.length + CHECKSUM_BYTES);
  expect(writeSealed(stored, 0, { bucket: "key", key, value })).toBe(stored.length);
  const record = { bucket: "key", key, stored, file: "/data/file" } as const;
  expect(unseal(record)).toEqual(value);
  expect(Buffer.from(unsealCopy(record))).toEqual(value);
  expect(unsealCopy(record).buffer).not.toBe(stored.buffer);
  for (let bit = 0; bit < stored.length * 8; bit++) {
    const damaged = Buffer.from(stored);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    expect(() => unseal({ ...record, stored: damaged })).toThrow(/\/data\/file.*damaged/);
  }
  expect(() => unseal({ ...record, bucket: "meta" })).toThrow(/damaged/);
  expect(() => unsealCopy({ ...record, key: Buffer.from("kez") })).toThrow(/damaged/);
  expect(() => unseal({ ...record, stored: Buffer.alloc(3) })).toThrow(/damaged/);
});
