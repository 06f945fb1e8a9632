import { etcdserverpb, mvccpb } from "@kvorum/api";
import { describe, expect, it } from "vitest";
import type { StoreEvent } from "../types.js";
import { testHeader } from "./testing/requests.js";
import { encodeControlResponse, encodeEventField, encodeHead, encodeIdField } from "./wire.js";

const { WatchResponse } = etcdserverpb;

function keyValue(key: string, valueBytes: number): mvccpb.KeyValue {
  const value = Buffer.alloc(valueBytes, "v");
  return {
    key: Buffer.from(key),
    createRevision: 2,
    modRevision: 300,
    version: 1,
    value,
    lease: -5n,
  };
}

function response(fields: Partial<etcdserverpb.WatchResponse>): Uint8Array {
  const header = etcdserverpb.ResponseHeader.decode(testHeader(7));
  const whole = WatchResponse.fromPartial({ header, ...fields } as never);
  return WatchResponse.encode(whole).finish();
}

describe("the hand-written bytes equal the generated ones", () => {
  it.each([0n, 1n, 127n, 128n, 16_384n, 2n ** 63n - 1n, -1n, -(2n ** 63n)])(
    "for id %s",
    (watchId) => {
      const bytes = encodeControlResponse({
        header: testHeader(7),
        idField: encodeIdField(watchId),
        created: true,
      });
      expect(Buffer.from(bytes)).toEqual(Buffer.from(response({ watchId, created: true })));
    },
  );

  it("for every field of a response without events", () => {
    const bytes = encodeControlResponse({
      header: testHeader(7),
      idField: encodeIdField(9n),
      created: true,
      canceled: true,
      compactRevision: 2 ** 40,
      cancelReason: "réason",
    });
    const fields = { created: true, canceled: true, compactRevision: 2 ** 40 };
    const expected = response({ watchId: 9n, ...fields, cancelReason: "réason" });
    expect(Buffer.from(bytes)).toEqual(Buffer.from(expected));
  });

  it.each([
    [0, undefined],
    [1, undefined],
    [200, undefined],
    [20_000, undefined],
    [100, 0],
    [100, 130],
    [70_000, 70_000],
  ])("for an event of %s bytes with a previous one of %s", (size, previousSize) => {
    for (const type of ["put", "delete"] as const) {
      const kv = keyValue("key", size);
      const previous = previousSize === undefined ? undefined : keyValue("key", previousSize);
      const event: StoreEvent = {
        type,
        key: "key",
        revision: { main: 300, sub: 0 },
        kv: mvccpb.KeyValue.encode(kv).finish(),
        isCreate: false,
      };
      const bytes = Buffer.concat([
        encodeHead(testHeader(7)),
        encodeIdField(3n),
        encodeEventField(event, previous && mvccpb.KeyValue.encode(previous).finish()),
      ]);
      const wire = { type: type === "put" ? 0 : 1, kv, prevKv: previous };
      const expected = response({ watchId: 3n, events: [wire] });
      expect(Buffer.compare(bytes, expected)).toBe(0);
    }
  });
});
