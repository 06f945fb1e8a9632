import { etcdserverpb } from "@kvorum/api";
import { createPrng } from "@kvorum/base";
import { describe, expect, it } from "vitest";
import { KeySpace } from "../load/key-space.js";
import type { CallState, Operation } from "../load/operation.js";
import { ValuePool } from "../load/value-pool.js";
import { putOperation } from "./put-operation.js";
import { rangeOperation, rangeStreamOperation } from "./range-operation.js";
import { txnPutOperation } from "./txn-operation.js";

const prng = createPrng(1);
const keys = new KeySpace({ count: 100, keyBytes: 16 });
const values = new ValuePool({ valueBytes: 200, entropy: 1, prng });
const header = { clusterId: 2n ** 64n - 1n, memberId: 5n, revision: 300, raftTerm: 2 };

function state(): CallState {
  return { startedMs: 0, key: 0, revision: 0, records: 0 };
}

/** The bytes of the operation's next request. */
function request(operation: Operation, of = state()): Buffer {
  const bytes = Buffer.alloc(operation.requestBytesMax);
  return bytes.subarray(0, operation.write(bytes, 0, of));
}

function fault(operation: Operation, reply: Uint8Array, of = state()): string | undefined {
  const bytes = Buffer.concat([Buffer.from("x"), reply, Buffer.from("y")]);
  return operation.check(bytes, 1, 1 + reply.length, of);
}

const { PutRequest, PutResponse, RangeRequest, RangeResponse, TxnRequest, TxnResponse } =
  etcdserverpb;

describe("a put", () => {
  const operation = putOperation({ keys, values, prng });

  it("is what the generated codec reads", () => {
    const of = state();
    const put = PutRequest.decode(request(operation, of));
    expect(Buffer.from(put.key).equals(keys.key(of.key))).toBe(true);
    expect(put.value).toHaveLength(200);
  });

  it("must be answered with a header that has a revision, and nothing else", () => {
    const of = state();
    expect(fault(operation, PutResponse.encode({ header, prevKv: undefined }).finish(), of)).toBe(
      undefined,
    );
    expect(of.revision).toBe(300);
    expect(fault(operation, Buffer.alloc(0))).toMatch(/no header/);
    const prevKv = { key: keys.key(1) };
    const more = PutResponse.encode(PutResponse.fromPartial({ header, prevKv })).finish();
    expect(fault(operation, more)).toMatch(/more than a header/);
  });
});

describe("a transaction", () => {
  const operation = txnPutOperation({ keys, values, prng });

  it("is what the generated codec reads", () => {
    const of = state();
    const txn = TxnRequest.decode(request(operation, of));
    expect(txn.compare).toHaveLength(1);
    expect(txn.compare[0]).toMatchObject({
      result: etcdserverpb.Compare_CompareResult.GREATER,
      targetUnion: { $case: "version", value: -1 },
    });
    expect(Buffer.from(txn.compare[0]!.key).equals(keys.key(of.key))).toBe(true);
    expect(txn.success[0]?.request?.$case).toBe("requestPut");
  });

  it("must have succeeded", () => {
    const responses = [{ response: undefined }];
    const reply = (succeeded: boolean, ops = responses): Uint8Array =>
      TxnResponse.encode({ header, succeeded, responses: ops }).finish();
    expect(fault(operation, reply(true))).toBeUndefined();
    expect(fault(operation, reply(false))).toMatch(/did not succeed/);
    expect(fault(operation, reply(true, []))).toMatch(/0 responses/);
  });
});

describe("a range", () => {
  const three = { keys, prng, span: 3, isSerializable: false, valueBytes: 4 };
  const record = (number: number, value = "good"): { key: Buffer; value: Buffer } => ({
    key: keys.key(number),
    value: Buffer.from(value),
  });
  const reply = (
    kvs: readonly ReturnType<typeof record>[],
    count: number = kvs.length,
  ): Uint8Array =>
    RangeResponse.encode(RangeResponse.fromPartial({ header, kvs: [...kvs], count })).finish();

  it("is what the generated codec reads", () => {
    const of = state();
    const options = { ...three, isSerializable: true, isCountOnly: true };
    const range = RangeRequest.decode(request(rangeOperation(options), of));
    expect(range).toMatchObject({ serializable: true, countOnly: true, keysOnly: false });
    expect(Buffer.from(range.rangeEnd).equals(keys.key(of.key + 3))).toBe(true);
    const one = RangeRequest.decode(request(rangeOperation({ ...three, span: 1 })));
    expect(one.rangeEnd).toHaveLength(0);
  });

  it("must hold exactly the keys asked for, in order", () => {
    const operation = rangeOperation(three);
    expect(fault(operation, reply([0, 1, 2].map((i) => record(i))))).toBeUndefined();
    expect(fault(operation, reply([0, 2, 1].map((i) => record(i))))).toMatch(/another key/);
    expect(fault(operation, reply([0, 1].map((i) => record(i))))).toMatch(/counts 2/);
    expect(fault(operation, reply([record(0), record(1)], 3))).toMatch(/holds 2 keys/);
    const wrong = [record(0), record(1), record(2, "too long")];
    expect(fault(operation, reply(wrong))).toMatch(/value of 8 bytes/);
    expect(fault(operation, Buffer.alloc(0))).toMatch(/no header/);
  });

  it("adds up the chunks of a stream", () => {
    const operation = rangeStreamOperation(three);
    const of = state();
    const chunk = (kvs: readonly ReturnType<typeof record>[]): Uint8Array => {
      const { RangeStreamResponse } = etcdserverpb;
      const rangeResponse = { header, kvs: [...kvs] };
      return RangeStreamResponse.encode(
        RangeStreamResponse.fromPartial({ rangeResponse }),
      ).finish();
    };
    fault(operation, chunk([record(0), record(1)]), of);
    expect(operation.checkEnd?.(of)).toMatch(/held 2 keys/);
    fault(operation, chunk([record(2)]), of);
    expect(operation.checkEnd?.(of)).toBeUndefined();
  });
});
