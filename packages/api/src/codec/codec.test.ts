import { createPrng, varintSize } from "@kvorum/base";
import { describe, expect, test } from "vitest";
import { KeyValue } from "../gen/kv.js";
import { InternalRaftRequest } from "../gen/raft_internal.js";
import {
  type Compare,
  DeleteRangeRequest,
  PutRequest,
  type PutResponse,
  RangeRequest,
  type RangeResponse,
  RangeStreamResponse,
  TxnRequest,
  TxnResponse,
} from "../gen/rpc.js";
import type { RawResponse, RawTxnResponse } from "../raw.js";
import { decodeProposal, encodeProposal, ProposalField, type ProposalId } from "./proposal.js";
import {
  decodeDeleteRangeRequest,
  decodePutRequest,
  decodeRangeRequest,
  decodeTxnRequest,
} from "./requests.js";
import { HeaderEncoder, writeRangeChunk, writeResponse } from "./responses.js";
import { WireError, WireReader } from "./wire-reader.js";
import { WireWriter } from "./wire-writer.js";

const seed = Number(process.env.KVORUM_SEED ?? Date.now() % 1_000_000);
console.log(`codec tests: KVORUM_SEED=${seed}`);
const prng = createPrng(seed);

const INTERESTING = [
  0,
  1,
  2,
  127,
  128,
  16383,
  16384,
  2 ** 28 - 1,
  2 ** 28,
  2 ** 31,
  2 ** 32 + 5,
  2 ** 35,
  2 ** 49,
  Number.MAX_SAFE_INTEGER,
];
const number = (): number => INTERESTING[prng.below(INTERESTING.length)]!;
const signed = (): number => (prng.below(4) === 0 ? -number() || 0 : number());
const lease = (): bigint =>
  [0n, 1n, -1n, 0x7fffffffffffffffn, -0x8000000000000000n, BigInt(number())][prng.below(6)]!;
const bytes = (): Buffer =>
  Buffer.from(Array.from({ length: [0, 1, 5, 130, 300][prng.below(5)]! }, () => prng.below(256)));
const bool = (): boolean => prng.below(2) === 1;

const put = (): PutRequest => ({
  key: bytes(),
  value: bytes(),
  lease: lease(),
  prevKv: bool(),
  ignoreValue: bool(),
  ignoreLease: bool(),
});
const range = (): RangeRequest => ({
  key: bytes(),
  rangeEnd: bytes(),
  limit: signed(),
  revision: signed(),
  sortOrder: prng.below(3),
  sortTarget: prng.below(5),
  serializable: bool(),
  keysOnly: bool(),
  countOnly: bool(),
  minModRevision: signed(),
  maxModRevision: signed(),
  minCreateRevision: signed(),
  maxCreateRevision: signed(),
});
const deleteRange = (): DeleteRangeRequest => ({ key: bytes(), rangeEnd: bytes(), prevKv: bool() });
const compare = (): Compare => ({
  result: prng.below(4),
  target: prng.below(5),
  key: bytes(),
  rangeEnd: bytes(),
  targetUnion: [
    undefined,
    { $case: "version" as const, value: signed() },
    { $case: "createRevision" as const, value: signed() },
    { $case: "modRevision" as const, value: signed() },
    { $case: "value" as const, value: bytes() },
    { $case: "lease" as const, value: lease() },
  ][prng.below(6)],
});
const list = <Item>(make: () => Item): Item[] => Array.from({ length: prng.below(4) }, make);
const op = (depth: number): TxnRequest["success"][number] => ({
  request: [
    undefined,
    { $case: "requestRange" as const, value: range() },
    { $case: "requestPut" as const, value: put() },
    { $case: "requestDeleteRange" as const, value: deleteRange() },
    ...(depth > 0 ? [{ $case: "requestTxn" as const, value: txn(depth - 1) }] : []),
  ][prng.below(depth > 0 ? 5 : 4)],
});
const txn = (depth: number): TxnRequest => ({
  compare: list(compare),
  success: list(() => op(depth)),
  failure: list(() => op(depth)),
});

/** Bytes as hex, whatever class holds them. */
const plain = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
};

describe("hand-written request decoders equal the generated ones", () => {
  test("on random messages", () => {
    for (let i = 0; i < 600; i++) {
      const pairs = [
        [PutRequest, decodePutRequest, put()],
        [RangeRequest, decodeRangeRequest, range()],
        [DeleteRangeRequest, decodeDeleteRangeRequest, deleteRange()],
        [TxnRequest, decodeTxnRequest, txn(2)],
      ] as const;
      for (const [type, decode, message] of pairs) {
        const wire = Buffer.from(type.encode(message as never).finish());
        expect(plain(decode(wire))).toEqual(plain(type.decode(wire)));
      }
    }
  });

  test("MaxInt64 saturates as in the generated decoder", () => {
    const wire = Buffer.from("10ffffffffffffffff7f", "hex");
    const asLimit = Buffer.concat([Buffer.from([0x18]), wire.subarray(1)]);
    expect(decodeRangeRequest(asLimit).limit).toBe(Number.MAX_SAFE_INTEGER);
    expect(RangeRequest.decode(asLimit).limit).toBe(Number.MAX_SAFE_INTEGER);
  });

  test("unknown fields are skipped, broken messages refused", () => {
    const known = PutRequest.encode(put()).finish();
    const unknown = Buffer.from("f80a05fa0a020102fd0a01020304f90a0102030405060708", "hex");
    const wire = Buffer.concat([known, unknown]);
    expect(plain(decodePutRequest(wire))).toEqual(plain(PutRequest.decode(known)));
    for (const broken of ["0a", "0a05aa", "18ff", "18ffffffffffffffffffff01", "0b", "0d01"]) {
      expect(() => decodePutRequest(Buffer.from(broken, "hex")), broken).toThrow();
    }
  });
});

describe("proposals", () => {
  /** Full of what would be seen if it were not written. */
  const memory = { take: (bytes: number) => Buffer.alloc(bytes, 0xff) };
  const whole = (id: ProposalId) => (BigInt(id.high) << 48n) | BigInt(id.low);

  test("splice a request and read back", () => {
    for (let i = 0; i < 1_000; i++) {
      const id = { high: prng.below(0x10000), low: number() % 2 ** 48 };
      const request = put();
      const wire = PutRequest.encode(request).finish();
      const entry = encodeProposal(memory, id, ProposalField.put, wire);
      const generated = InternalRaftRequest.decode(entry);
      expect(generated.header?.ID).toBe(whole(id));
      expect(plain(generated.put)).toEqual(plain(PutRequest.decode(wire)));
      const decoded = decodeProposal(entry);
      expect([decoded.idHigh, decoded.idLow]).toEqual([id.high, id.low]);
      expect(plain(decoded.put)).toEqual(plain(PutRequest.decode(wire)));
      expect(decoded.other).toBeUndefined();
    }
  });

  test("a user's name and revision come with the request", () => {
    for (let i = 0; i < 300; i++) {
      const id = { high: prng.below(0x10000), low: number() % 2 ** 48 };
      const user = { username: "ü".repeat(prng.below(200)), revision: number() };
      const wire = PutRequest.encode(put()).finish();
      const entry = encodeProposal(memory, id, ProposalField.put, wire, user);
      const header = { ID: whole(id), username: user.username };
      expect(InternalRaftRequest.decode(entry).header).toEqual({
        ...header,
        authRevision: user.revision,
      });
      const decoded = decodeProposal(entry);
      expect([decoded.idHigh, decoded.idLow]).toEqual([id.high, id.low]);
      expect([decoded.username, decoded.authRevision]).toEqual([user.username, user.revision]);
      expect(plain(decoded.put)).toEqual(plain(PutRequest.decode(wire)));
    }
  });

  test("rarer kinds come through the generated decoder", () => {
    const entry = InternalRaftRequest.encode({
      ...InternalRaftRequest.decode(new Uint8Array()),
      header: { ID: 0xabcd_0000_0000_0123n, username: "alice", authRevision: 7 },
      leaseRevoke: { ID: 5n },
    }).finish();
    const decoded = decodeProposal(entry);
    expect(decoded).toMatchObject({ idHigh: 0xabcd, idLow: 0x123, username: "alice" });
    expect(decoded.other?.leaseRevoke?.ID).toBe(5n);
  });
});

describe("responses", () => {
  const kv = (): Uint8Array =>
    KeyValue.encode({
      key: bytes(),
      value: bytes(),
      createRevision: number(),
      modRevision: number(),
      version: number(),
      lease: lease(),
    }).finish();
  const response = (depth: number): RawResponse => {
    const revision = number();
    switch (prng.below(depth > 0 ? 4 : 3)) {
      case 0:
        return { kind: "range", revision, kvs: list(kv), more: bool(), count: number() };
      case 1:
        return { kind: "put", revision, prevKv: bool() ? kv() : undefined };
      case 2:
        return { kind: "deleteRange", revision, deleted: number(), prevKvs: list(kv) };
      default:
        return txnResponse(depth - 1);
    }
  };
  const txnResponse = (depth: number): RawTxnResponse => ({
    kind: "txn",
    revision: number(),
    succeeded: bool(),
    responses: list(() => response(depth)),
  });

  test("are what the generated encoders would read", () => {
    const writer = new WireWriter();
    const header = new HeaderEncoder({ clusterId: 0xc8730d66636ff140n, memberId: 2n ** 64n - 1n });
    for (let i = 0; i < 1_000; i++) {
      const raw = txnResponse(2);
      writeResponse(writer, header, 7, raw);
      const decoded = TxnResponse.decode(writer.toBytes());
      expect(decoded.header).toEqual({
        clusterId: 0xc8730d66636ff140n,
        memberId: 2n ** 64n - 1n,
        revision: raw.revision,
        raftTerm: 7,
      });
      expectTxn(decoded, raw);
    }
  });

  test("of a RangeStream have a header only when one is given", () => {
    const writer = new WireWriter();
    const encoder = new HeaderEncoder({ clusterId: 1n, memberId: 2n });
    const kvs = Array.from({ length: 300 }, kv);
    for (const header of [undefined, { encoder, term: 7 }]) {
      for (const length of [0, 1, 300]) {
        const raw = { kind: "range", revision: 9, kvs: kvs.slice(0, length) } as const;
        writeRangeChunk(writer, { ...raw, more: true, count: 400 }, header);
        const { rangeResponse } = RangeStreamResponse.decode(writer.take());
        expect([rangeResponse?.more, rangeResponse?.count]).toEqual([true, 400]);
        expect(plain(rangeResponse?.kvs)).toEqual(
          plain(raw.kvs.map((bytes) => KeyValue.decode(bytes))),
        );
        const expected = { clusterId: 1n, memberId: 2n, revision: 9, raftTerm: 7 };
        expect(rangeResponse?.header).toEqual(header === undefined ? undefined : expected);
      }
    }
  });

  function expectTxn(decoded: TxnResponse, raw: RawTxnResponse): void {
    expect(decoded.succeeded).toBe(raw.succeeded);
    expect(decoded.responses.length).toBe(raw.responses.length);
    raw.responses.forEach((inner, i) => {
      const op = decoded.responses[i]!.response!;
      expect(op.$case.toLowerCase()).toBe(`response${inner.kind}`.toLowerCase());
      const revision = inner.kind === "txn" ? 0 : inner.revision;
      expect(op.value.header?.revision).toBe(revision);
      if (inner.kind === "txn") expectTxn(op.value as TxnResponse, inner);
      else if (inner.kind === "range") {
        const value = op.value as RangeResponse;
        expect([value.more, value.count]).toEqual([inner.more, inner.count]);
        expect(plain(value.kvs)).toEqual(plain(inner.kvs.map((bytes) => KeyValue.decode(bytes))));
      } else if (inner.kind === "put") {
        const value = op.value as PutResponse;
        expect(value.prevKv === undefined).toBe(inner.prevKv === undefined);
      }
    });
  }
});

test("varints of every size keep their value", () => {
  const writer = new WireWriter();
  for (const value of INTERESTING) {
    writer.reset();
    writer.varint(value);
    expect(writer.length).toBe(varintSize(value));
    expect(new WireReader(writer.toBytes()).int64()).toBe(value);
    if (value === Number.MAX_SAFE_INTEGER) continue;
    expect(new WireReader(writer.toBytes()).exact()).toBe(value);
  }
});

test("a number that must be exact is refused where it can't be; an id may have all 64 bits", () => {
  const writer = new WireWriter();
  for (const value of [2n ** 53n - 1n, 2n ** 63n, 2n ** 64n - 1n]) {
    writer.reset();
    writer.varintBigint(value);
    const bytes = writer.toBytes();
    expect(() => new WireReader(bytes).exact()).toThrow(WireError);
    expect(new WireReader(bytes).uint64()).toBe(value);
  }
});

test("field 0 is no end of a message", () => {
  const bytes = Buffer.from("000a0161", "hex");
  expect(() => new WireReader(bytes).tag()).toThrow(/illegal tag 0/);
});

test("taken bytes are not written again, however long they are", () => {
  const writer = new WireWriter();
  const lengths = [10, 60_000, 70_000, 130_000, 5_000_000, 3, 100_000, 200_000, 66_000];
  const taken = lengths.map((length, i) => {
    writer.reset();
    writer.raw(Buffer.alloc(length, i + 1));
    return writer.take();
  });
  taken.forEach((bytes, i) => {
    expect(bytes.equals(Buffer.alloc(lengths[i]!, i + 1))).toBe(true);
  });
});
