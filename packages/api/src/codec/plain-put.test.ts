import { expect, test } from "vitest";
import { PutRequest } from "../gen/rpc.js";
import { plainPutBytes } from "./plain-put.js";
import { decodePutRequest } from "./requests.js";

const encode = (request: Partial<PutRequest>): Buffer =>
  Buffer.from(PutRequest.encode(PutRequest.create(request)).finish());
const key = Buffer.from("some key");
const value = Buffer.from("some value");

test("knows a key and a value alone", () => {
  for (const keyBytes of [1, 2, 127, 128, 129, 5_000, 16_383]) {
    for (const valueBytes of [1, 2, 127, 128, 129, 5_000, 16_383]) {
      const message = encode({
        key: Buffer.alloc(keyBytes),
        value: Buffer.alloc(valueBytes, 0x12),
      });
      expect(plainPutBytes(message)).toBe(keyBytes + valueBytes);
    }
  }
});

test("leaves every other message to the decoder", () => {
  const others: Partial<PutRequest>[] = [
    ...[{}, { key }, { value }, { key, value, lease: 1n }, { key, value, prevKv: true }],
    ...[
      { key, value, ignoreValue: true },
      { key, value, ignoreLease: true },
    ],
    ...[
      { key: Buffer.alloc(16_384), value },
      { key, value: Buffer.alloc(16_384) },
    ],
  ];
  for (const request of others) expect(plainPutBytes(encode(request))).toBe(0);
  const whole = encode({ key, value });
  expect(plainPutBytes(Buffer.concat([whole, whole]))).toBe(0);
  for (let end = 0; end < whole.length; end++) {
    expect(plainPutBytes(whole.subarray(0, end))).toBe(0);
  }
  expect(plainPutBytes(Buffer.from([0x12, 1, 1, 0x0a, 1, 1]))).toBe(0);
});

test("never says of random bytes what the decoder does not say", () => {
  for (let i = 0; i < 50_000; i++) {
    // Every few bytes one that matters.
    const message = Buffer.from(
      Array.from(
        { length: 1 + (i % 9) },
        (_, at) => [0x0a, 0x12, 1, 2, 0x80, i & 0xff][(i * 7 + at * (i >> 3)) % 6]!,
      ),
    );
    const bytes = plainPutBytes(message);
    if (bytes === 0) continue;
    const decoded = decodePutRequest(message);
    expect(decoded.key.length + decoded.value.length).toBe(bytes);
    expect(decoded).toMatchObject({ lease: 0n, prevKv: false, ignoreValue: false });
  }
});
