import { expect, test } from "vitest";
import { noise } from "../conformance/model.js";
import { HEAD_BYTES, isLongKey, joinLong, splitLong, storedKey } from "./key-codec.js";

test("keys up to the length of a head are stored as they are, longer ones under a hash", () => {
  const short = noise(HEAD_BYTES, 1);
  expect(storedKey(short)).toEqual(short);
  expect(isLongKey(short)).toBe(false);
  const long = noise(HEAD_BYTES + 1, 1);
  expect(isLongKey(long)).toBe(true);
  expect(storedKey(long).subarray(0, HEAD_BYTES)).toEqual(long.subarray(0, HEAD_BYTES));
  expect(storedKey(long).length).toBe(HEAD_BYTES + 32);
  const other = Buffer.from(long);
  other[HEAD_BYTES]! ^= 1;
  expect(storedKey(other)).not.toEqual(storedKey(long));
});

test("a long record holds its full key", () => {
  const key = noise(32_768, 2);
  for (const value of [Buffer.alloc(0), noise(10, 3)]) {
    expect(splitLong(joinLong(key, value))).toEqual({ key, value });
  }
  expect(splitLong(Buffer.from("ff000000", "hex"))).toBeUndefined();
  expect(splitLong(Buffer.alloc(3))).toBeUndefined();
});
