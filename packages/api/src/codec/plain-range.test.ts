import { expect, test } from "vitest";
import { RangeRequest } from "../gen/rpc.js";
import { PLAIN_RANGE_KEY_START, plainRangeKeyEnd } from "./plain-range.js";
import { decodeRangeRequest } from "./requests.js";

const encode = (request: Partial<RangeRequest>): Buffer =>
  Buffer.from(RangeRequest.encode(RangeRequest.create(request)).finish());
const key = Buffer.from("some key");

test("knows a key alone, linearizable or serializable", () => {
  for (const serializable of [false, true]) {
    for (const bytes of [key, Buffer.alloc(1), Buffer.alloc(127, 0x38)]) {
      const message = encode({ key: bytes, serializable });
      const end = plainRangeKeyEnd(message);
      expect(message.subarray(PLAIN_RANGE_KEY_START, end)).toEqual(bytes);
      expect(message.length > end).toBe(serializable);
    }
  }
});

test("leaves every other message to the decoder", () => {
  const others: Partial<RangeRequest>[] = [
    { key: Buffer.alloc(128) },
    { key, rangeEnd: Buffer.from("z") },
    ...[{ limit: 1 }, { revision: 1 }, { sortOrder: 1 }, { sortTarget: 1 }, { keysOnly: true }],
    ...[{ countOnly: true }, { minModRevision: 1 }, { maxCreateRevision: 1 }],
  ].map((request) => ("key" in request ? request : { ...request, key }));
  for (const request of others) {
    expect(plainRangeKeyEnd(encode(request))).toBe(0);
    expect(plainRangeKeyEnd(encode({ ...request, serializable: true }))).toBe(0);
  }
  expect(plainRangeKeyEnd(Buffer.from([0x0a, 5, 1, 2]))).toBe(0);
  expect(plainRangeKeyEnd(Buffer.from([0x0a, 0, 0x38, 1]))).toBe(0);
  expect(plainRangeKeyEnd(Buffer.from([0x0a, 1, 0x61, 0x38]))).toBe(0);
  expect(plainRangeKeyEnd(Buffer.from([0x0a, 1, 0x61, 0x38, 2]))).toBe(0);
  expect(decodeRangeRequest(Buffer.from([0x0a, 1, 0x61, 0x38, 0])).serializable).toBe(false);
});
