import { mvccpb } from "@kvorum/api";
import { createPrng } from "@kvorum/base";
import { describe, expect, test } from "vitest";
import { MvccError } from "./error.js";
import {
  encodeDeleted,
  encodeKeyValue,
  type KeyValueFields,
  KeyValueReader,
  sizeOfKeyAlone,
  writeKeyAlone,
} from "./key-value.js";
import { Slab } from "./slab.js";

const generated = (fields: KeyValueFields): Buffer =>
  Buffer.from(mvccpb.KeyValue.encode({ ...fields }).finish());

function randomFields(prng: ReturnType<typeof createPrng>): KeyValueFields {
  const bytes = (max: number): Buffer =>
    Buffer.from(Array.from({ length: prng.below(max) }, () => prng.below(256)));
  // Exponents spread the numbers over every length of a varint.
  const number = (): number => Math.floor(prng.float() * 2 ** prng.below(54));
  const leases = [0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n), BigInt(number()), -BigInt(number())];
  return {
    key: bytes(200),
    createRevision: number(),
    modRevision: number(),
    version: number(),
    value: bytes(400),
    lease: leases[prng.below(leases.length)]!,
  };
}

test("writes and reads what the generated codec does", () => {
  const seed = Number(process.env.KVORUM_SEED ?? Date.now() % 1_000_000);
  console.log(`KVORUM_SEED=${seed}`);
  const prng = createPrng(seed);
  const slab = new Slab();
  const reader = new KeyValueReader();
  for (let i = 0; i < 3_000; i++) {
    const fields = randomFields(prng);
    const raw = encodeKeyValue(fields, i % 2 === 0 ? slab : undefined);
    // Deep equality of thousands of buffers is slow, so what differs is compared first.
    if (!raw.equals(generated(fields))) expect(raw).toEqual(generated(fields));
    reader.read(raw);
    const { createRevision, modRevision, version, lease } = reader;
    const { key, value, ...numbers } = fields;
    expect({ createRevision, modRevision, version, lease }).toEqual(numbers);
    expect(Buffer.compare(reader.key(), key) + Buffer.compare(reader.value(), value)).toBe(0);
    expect(reader.keyText() === Buffer.from(key).toString("latin1")).toBe(true);
  }
});

test.each([1, 2, 127, 128, 300])("writes a key of %d bytes as one of many fields", (length) => {
  const key = Buffer.from(Array.from({ length }, (_, i) => (i * 7) & 0xff));
  const text = key.latin1Slice(0, length);
  const bytes = Buffer.alloc(3 + sizeOfKeyAlone(text));
  const keyStart = writeKeyAlone(text, bytes, 3);
  expect(bytes.subarray(keyStart)).toEqual(key);
  const empty = { value: Buffer.alloc(0), lease: 0n };
  const fields = { key, createRevision: 0, modRevision: 0, version: 0, ...empty };
  expect(bytes.subarray(3)).toEqual(encodeKeyValue(fields));
  for (const modRevision of [1, 300, 2 ** 40]) {
    const deleted = encodeDeleted(text, modRevision, new Slab());
    expect(deleted).toEqual(encodeKeyValue({ ...fields, modRevision }));
  }
});

describe("the largest numbers", () => {
  test.each([2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 35, 2 ** 49, 2 ** 53 - 1])("%d", (number) => {
    const empty = Buffer.alloc(0);
    const revisions = { createRevision: number, modRevision: number, version: number };
    const fields = { key: empty, ...revisions, value: empty, lease: -BigInt(number) };
    const raw = encodeKeyValue(fields);
    expect(raw.equals(generated(fields))).toBe(true);
    expect(new KeyValueReader().read(raw)).toMatchObject({ ...revisions, lease: fields.lease });
  });
});

describe("foreign records", () => {
  test("an empty one has zero fields, as etcdutl --bump-revision writes it", () => {
    const reader = new KeyValueReader().read(Buffer.from("0a0161", "hex"));
    reader.read(Buffer.alloc(0));
    expect(reader.keyText()).toBe("");
    expect(reader).toMatchObject({ createRevision: 0, version: 0, lease: 0n });
  });

  test("unknown fields and any order are read", () => {
    // lease 5, unknown varint 9, unknown bytes 10, unknown fixed64 and fixed32, key "a"
    const raw = Buffer.from(`3005480752027878590102030405060708${"6501020304"}0a0161`, "hex");
    const reader = new KeyValueReader().read(raw);
    expect(reader).toMatchObject({ lease: 5n });
    expect(reader.keyText()).toBe("a");
  });

  test("a record within other bytes ends where it is said to end", () => {
    const bytes = Buffer.from("ff0a01612a01620a0163", "hex");
    const reader = new KeyValueReader().readAt(bytes, 1, 7);
    expect([reader.keyText(), `${reader.value()}`]).toEqual(["a", "b"]);
    expect([reader.keyStart, reader.valueStart, reader.valueEnd]).toEqual([3, 6, 7]);
    for (const end of [2, 3, 5, 6]) {
      expect(() => reader.readAt(bytes, 1, end)).toThrow(MvccError);
    }
  });

  test.each(["0a05", "ffffffffffffffffffffff01", "10", "0b"])("damage is told: %s", (hex) => {
    expect(() => new KeyValueReader().read(Buffer.from(hex, "hex"))).toThrow(MvccError);
  });
});
