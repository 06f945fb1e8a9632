import { etcdserverpb } from "@kvorum/api";
import { createPrng, type Prng } from "@kvorum/base";
import { describe, expect, it } from "vitest";
import type { ClientConnection } from "../wire/connection.js";
import { KnownResponses } from "./known-responses.js";
import { PutValues } from "./put-values.js";
import { WatchCall } from "./watch-call.js";

const seed = Number(process.env.KVORUM_SEED ?? Math.floor(Math.random() * 2 ** 31));
const key = Buffer.from("watched/key");
const WATCHERS = 300;

interface Response {
  readonly watchId: number;
  /** Of its header; its events are of the revisions before and at it. */
  readonly revision: number;
  readonly events: number;
}

function encode({ watchId, revision, events }: Response, of: Buffer = key): Buffer {
  const header = { clusterId: 2n ** 63n, memberId: 7n, revision, raftTerm: 2 };
  const message = etcdserverpb.WatchResponse.fromPartial({
    ...{ header, watchId: BigInt(watchId) },
    events: Array.from({ length: events }, (_, i) => {
      const modRevision = revision - events + 1 + i;
      return { kv: { key: of, modRevision, version: 1, value: Buffer.from(valueAt(modRevision)) } };
    }),
  });
  const bytes = etcdserverpb.WatchResponse.encode(message).finish();
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

function valueAt(revision: number): string {
  return `value of ${revision}`.padEnd(60, ".");
}

/** What a call says about framed messages, which come in pieces of whole ones. */
function check(messages: readonly Buffer[], known: KnownResponses | undefined) {
  const faults: string[] = [];
  const records: string[] = [];
  let events = 0;
  const call = new WatchCall({
    ...{ watchers: WATCHERS, key, rangeEnd: Buffer.alloc(0), onReady: () => undefined },
    ...(known !== undefined && { known }),
    onEvents: (count) => {
      events += count;
    },
    onRecord: (bytes, { start, end }) => records.push(bytes.latin1Slice(start, end)),
    onFault: (fault) => faults.push(fault),
  });
  const bytes = Buffer.concat(messages);
  const connection = {} as ClientConnection;
  expect(call.onMessages(bytes, 0, bytes.length, connection)).toBe(bytes.length);
  return { faults, events, records: new Set(records), reads: records.length };
}

/** Every watcher gets every revision, one or a few at a time, in a random order of watchers. */
function randomResponses(prng: Prng): Response[] {
  const responses: Response[] = [];
  let revision = 100;
  for (let round = 0; round < 8; round++) {
    const events = prng.below(3) === 0 ? 2 : 1;
    revision += events;
    const ids = Array.from({ length: WATCHERS }, (_, id) => ({ id, order: prng.below(2 ** 30) }));
    if (prng.below(2) === 0) ids.sort((a, b) => a.order - b.order);
    for (const { id } of ids) responses.push({ watchId: id, revision, events });
  }
  return responses;
}

describe("KnownResponses", () => {
  it("knows what differs in the watcher alone", () => {
    console.log(`KVORUM_SEED=${seed}`);
    const messages = randomResponses(createPrng(seed)).map((response) => encode(response));
    const plain = check(messages, undefined);
    const quick = check(messages, new KnownResponses());
    expect(plain.faults).toEqual([]);
    expect(quick).toEqual({ ...plain, reads: quick.reads });
    expect(plain.reads).toBeGreaterThanOrEqual(8 * WATCHERS);
    expect(quick.reads).toBeLessThan(40);
  });

  it("finds whatever is wrong that reading every field finds", () => {
    console.log(`KVORUM_SEED=${seed}`);
    const prng = createPrng(seed);
    for (let round = 0; round < 60; round++) {
      const responses = randomResponses(prng);
      const at = prng.below(responses.length);
      const chosen = responses[at]!;
      const kind = prng.below(4);
      if (kind === 0) responses.splice(at, 0, chosen);
      if (kind === 1) responses[at] = { ...chosen, watchId: WATCHERS + prng.below(1000) };
      const messages = responses.map((response) => encode(response));
      if (kind === 2) messages[at] = encode(chosen, Buffer.from("watched/kez"));
      if (kind === 3) messages[at]![messages[at]!.length - 1 - prng.below(60)]! ^= 1;
      const plain = check(messages, undefined);
      const quick = check(messages, new KnownResponses());
      expect(quick.faults).toEqual(plain.faults);
      expect(quick.events).toBe(plain.events);
      expect(quick.records).toEqual(plain.records);
      if (kind < 3) expect(quick.faults).not.toEqual([]);
    }
  });
});

describe("PutValues", () => {
  it("holds each event against its put", () => {
    const values = new PutValues();
    const put = values.noting({
      ...{ path: "", makesRevision: true, requestBytesMax: 100 },
      write: (into, at) => {
        const bytes = etcdserverpb.PutRequest.encode(
          etcdserverpb.PutRequest.fromPartial({ key, value: Buffer.from("good") }),
        ).finish();
        return at + Buffer.from(bytes).copy(into, at);
      },
      check: () => undefined,
    });
    const state = { startedMs: 0, key: 0, revision: 5, records: 0 };
    put.write(Buffer.alloc(100), 0, state);
    values.answered(state);
    const record = (modRevision: number, value: string): Buffer => {
      const kv = { key, modRevision, value: Buffer.from(value) };
      const event = etcdserverpb.RangeResponse.fromPartial({ kvs: [kv] });
      return Buffer.from(etcdserverpb.RangeResponse.encode(event).finish().subarray(2));
    };
    const saw = (bytes: Buffer): void => values.saw(bytes, 0, bytes.length);
    saw(record(5, "good"));
    expect(values.wrong()).toBe(0);
    saw(record(6, "good"));
    expect(values.wrong()).toBe(1);
    saw(record(5, "bad"));
    expect(values.wrong()).toBe(2);
  });
});
