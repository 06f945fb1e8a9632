import {
  ApiError,
  type ApiErrorName,
  apiErrorText,
  type etcdserverpb,
  type RawRangeResponse,
  type RawResponse,
} from "@kvorum/api";
import { createPrng } from "@kvorum/base";
import { expect, test } from "vitest";
import type { LatestRecord } from "./read-latest.js";
import {
  type ModelStore as Model,
  ModelStore,
  type ModelTransaction,
  Refusal,
} from "./testing/model-store.js";
import { FakeLeases, type OpenedStore, openStore } from "./testing/open-store.js";
import { RandomRequests } from "./testing/random-requests.js";
import { plain, rangeOf } from "./testing/requests.js";

const RUNS = 6;
const STEPS = 400;

/**
 * The store against a list of changes: random puts, deletes, nested transactions, ranges at any
 * revision, compactions, hashes, histories, and restarts. A failure names its seed; KVORUM_SEED
 * repeats it.
 */
test("agrees with the model", async () => {
  const given = process.env.KVORUM_SEED;
  const first = given === undefined ? Date.now() % 1_000_000 : Number(given);
  console.log(`KVORUM_SEED=${first}`);
  for (let seed = first; seed < first + (given === undefined ? RUNS : 1); seed++) {
    try {
      await run(seed);
    } catch (error) {
      throw new Error(`KVORUM_SEED=${seed}`, { cause: error });
    }
  }
});

async function run(seed: number): Promise<void> {
  const random = new RandomRequests(createPrng(seed));
  const model = new ModelStore();
  let opened = await openStore(bufferOf(random));
  for (const lease of [1n, -2n]) grant(model, opened.leases, lease);
  for (let step = 0; step < STEPS; step++) {
    const kind = random.below(100);
    if (kind < 3) opened = await reopen(opened, random);
    else if (kind < 7) await compact(opened, model, random);
    else if (kind < 9) await compareHash(opened, model, random);
    else if (kind < 12) await compareHistory(opened, model, random);
    else if (kind < 14) await opened.buffered.flush();
    else if (kind < 16) await compareStream(opened, model, random);
    else if (kind < 18) revoke(opened, model, random);
    else write(opened, model, random);
    await compareRange(opened, model, random);
    compareLatest(opened, model, random);
    expect(opened.store.currentRevision).toBe(model.revision);
    expect(opened.leases.keys).toEqual(model.leases);
  }
  expect(opened.store.stat().keys).toBe(model.live(model.revision).length);
  await opened.close();
}

function bufferOf(random: RandomRequests) {
  const commitOpsMax = random.pick([1, 7, 10_000]);
  return {
    buffer: { commitOpsMax, commitIntervalMs: 1 },
    // A small cache, so that reads come from every layer.
    store: { valueCacheBytes: random.pick([0, 4_000, 1_000_000]), compactionSleepMs: 0 },
  };
}

function grant(model: Model, leases: FakeLeases, lease: bigint): void {
  model.leases.set(lease, new Set());
  leases.grant(lease);
}

async function reopen(opened: OpenedStore, random: RandomRequests): Promise<OpenedStore> {
  await opened.close();
  const leases = new FakeLeases();
  for (const lease of [1n, -2n]) leases.grant(lease);
  return openStore({ disk: opened.disk, leases, ...bufferOf(random) });
}

function write(opened: OpenedStore, model: Model, random: RandomRequests): void {
  const { store, sink } = opened;
  sink.reset();
  const before = model.changes.length;
  const kind = random.below(10);
  if (kind < 4) {
    const request = random.put();
    same(
      () => simplify(store.put(request)),
      () => inTransaction(model, (transaction) => modelPut(model, transaction, request)),
    );
  } else if (kind < 6) {
    const request = random.deleteRange();
    same(
      () => simplify(store.deleteRange(request)),
      () => inTransaction(model, (transaction) => transaction.deleteRange(request)),
    );
  } else {
    const request = random.txn(model.revision);
    same(
      () => simplify(store.txn(request)),
      () => {
        const chosen = choose(model, request);
        check(model, chosen);
        return inTransaction(model, (transaction) => apply(model, chosen, transaction));
      },
    );
  }
  compareEvents(opened, model, before);
}

function revoke(opened: OpenedStore, model: Model, random: RandomRequests): void {
  const keys = [...model.leases.get(random.pick([1n, -2n]))!].sort();
  opened.sink.reset();
  const before = model.changes.length;
  opened.store.deleteKeys(keys);
  inTransaction(model, (transaction) => {
    for (const key of keys) transaction.delete(key);
  });
  compareEvents(opened, model, before);
}

function compareEvents({ sink }: OpenedStore, model: Model, before: number): void {
  const expected = model.changes.slice(before).map(eventOf);
  const told = sink.told.flatMap(({ events }) => events);
  expect(told.map((event) => ({ ...event, kv: plain(event.kv) }))).toEqual(expected);
}

function eventOf({ isTombstone, sub, ...kv }: Model["changes"][number]) {
  const revision = { main: kv.mod, sub };
  const type = isTombstone ? "delete" : "put";
  return { type, key: kv.key, revision, kv, isCreate: kv.create === kv.mod };
}

async function compareRange(opened: OpenedStore, model: Model, random: RandomRequests) {
  const request = random.range(model.revision);
  same(
    () => {
      const response = opened.store.range(request);
      if (response instanceof Promise) throw new Error("a short range took several turns");
      return simplify(response);
    },
    () => model.range(request),
  );
}

function compareLatest({ store }: OpenedStore, model: Model, random: RandomRequests): void {
  const { key } = random.range(model.revision);
  if (key.length === 0) return;
  const bytes = Buffer.concat([Buffer.from("<"), key, Buffer.from(">")]);
  const record: LatestRecord = { bytes, start: 0, end: 0 };
  const isFound = store.readLatest({ bytes, start: 1, end: 1 + key.length }, record);
  const found = plain(record.bytes.subarray(record.start, record.end));
  const { kvs } = store.range({ ...rangeOf({ key: "" }), key }) as RawRangeResponse;
  expect(isFound ? [found] : []).toEqual(kvs.map(plain));
}

async function compareStream(opened: OpenedStore, model: Model, random: RandomRequests) {
  const { minModRevision: _, ...plainRequest } = random.range(model.revision);
  const request = { ...plainRequest, minModRevision: 0, maxModRevision: 0 };
  Object.assign(request, { minCreateRevision: 0, maxCreateRevision: 0 });
  Object.assign(request, { sortOrder: 0, sortTarget: 0 });
  same(
    () => {
      const chunks = [...opened.store.rangeChunks(request, 64)];
      const kvs = chunks.flatMap((chunk) => chunk.kvs.map(plain));
      return { kvs, ...chunks.at(-1)!.last };
    },
    () => model.range(request),
  );
}

async function compact(opened: OpenedStore, model: Model, random: RandomRequests) {
  const revision = random.below(model.revision + 2);
  const done = same(
    () => {
      const compaction = opened.store.compact(revision);
      return { done: compaction.done };
    },
    () => model.compact(revision),
    { comparesResults: false },
  );
  if (random.chance(50)) await done?.done;
  else await Promise.race([done?.done, opened.buffered.flush()]);
}

async function compareHash(opened: OpenedStore, model: Model, random: RandomRequests) {
  await opened.store.compactionsDone();
  const revision = Math.max(1, model.compactRevision) + random.below(3);
  const isCached = opened.store.compactionHashes().some((hash) => hash.revision === revision);
  if (revision > model.revision || isCached) return;
  const { hash } = await opened.store.hashKv(revision);
  expect({ revision, hash }).toEqual({ revision, hash: model.hashKv(revision) });
}

async function compareHistory(opened: OpenedStore, model: Model, random: RandomRequests) {
  const oldest = Math.max(2, model.compactRevision + 1);
  const from = oldest + random.below(Math.max(1, model.revision - oldest + 1));
  const revisionsMax = 1 + random.below(10);
  const seen = [];
  let next = from;
  while (next <= model.revision) {
    const history = await opened.store.history(next, revisionsMax);
    expect(history.next).toBeGreaterThan(next);
    expect(history.revisions.length).toBeLessThanOrEqual(revisionsMax);
    seen.push(...history.revisions.flatMap(({ events }) => events));
    next = history.next;
  }
  const expected = model.changes.filter((change) => change.mod >= from).map(eventOf);
  expect(seen.map((event) => ({ ...event, kv: plain(event.kv) }))).toEqual(expected);
}

/** Both give equal results, or both refuse with the same error. @returns what the store gave */
function same<Left>(
  left: () => Left,
  right: () => unknown,
  { comparesResults = true } = {},
): Left | undefined {
  let refusal: string | undefined;
  let wanted: unknown;
  try {
    wanted = right();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    refusal = error.message;
  }
  if (refusal === undefined) {
    const result = left();
    if (comparesResults) expect(result).toEqual(wanted);
    return result;
  }
  expect(left).toThrow(ApiError);
  expect(left).toThrow(apiErrorText(refusal as ApiErrorName));
  return undefined;
}

function inTransaction<Result>(
  model: Model,
  body: (transaction: ModelTransaction) => Result,
): Result {
  const transaction = model.begin();
  const result = body(transaction);
  transaction.end();
  return result;
}

function modelPut(model: Model, transaction: ModelTransaction, request: etcdserverpb.PutRequest) {
  model.checkPut(request);
  return transaction.put(request);
}

interface Chosen {
  readonly succeeded: boolean;
  readonly steps: readonly { readonly op: etcdserverpb.RequestOp; readonly nested?: Chosen }[];
}

function choose(model: Model, request: etcdserverpb.TxnRequest): Chosen {
  const succeeded = request.compare.every((compare) => model.holds(compare));
  const steps = (succeeded ? request.success : request.failure).map((op) =>
    op.request?.$case === "requestTxn" ? { op, nested: choose(model, op.request.value) } : { op },
  );
  return { succeeded, steps };
}

function check(model: Model, { steps }: Chosen): void {
  for (const { op, nested } of steps) {
    if (nested !== undefined) check(model, nested);
    else if (op.request?.$case === "requestPut") model.checkPut(op.request.value);
    else if (op.request?.$case === "requestRange") {
      const { revision } = op.request.value;
      if (revision === 0) continue;
      if (revision > model.revision) throw new Refusal("futureRevision");
      if (revision < model.compactRevision) throw new Refusal("compacted");
    }
  }
}

function apply(model: Model, { succeeded, steps }: Chosen, transaction: ModelTransaction): unknown {
  const responses = steps.map(({ op: { request }, nested }): unknown => {
    if (nested !== undefined) return apply(model, nested, transaction);
    if (request?.$case === "requestRange") return model.range(request.value, transaction.revision);
    if (request?.$case === "requestPut") return transaction.put(request.value);
    if (request?.$case === "requestDeleteRange") return transaction.deleteRange(request.value);
    throw new Error("an empty operation");
  });
  return { succeeded, responses, revision: transaction.revision };
}

/** A reply with its KeyValues decoded and without its kind. */
function simplify(response: RawResponse): unknown {
  const { kind, ...rest } = response;
  switch (response.kind) {
    case "range":
      return { ...rest, kvs: response.kvs.map(plain) };
    case "put":
      return { ...rest, prevKv: response.prevKv && plain(response.prevKv) };
    case "deleteRange":
      return { ...rest, prevKvs: response.prevKvs.map(plain) };
    case "txn":
      return { ...rest, responses: response.responses.map(simplify) };
    default:
      throw new Error(`a reply of kind ${kind}`);
  }
}
