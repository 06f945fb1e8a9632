import type { etcdserverpb } from "@kvorum/api";
import { nodeClock } from "@kvorum/base/node";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Lessor } from "../lease/lessor.js";
import { FakeBufferedStore } from "../lease/testing/fake-buffered-store.js";
import { type OpenedStore, openStore } from "../testing/open-store.js";
import { deleteOf, op, putOf, txnOf } from "../testing/requests.js";
import type { WatchSink } from "../types.js";
import { FakeOutput } from "./testing/fake-output.js";
import { createRequest, testHeader } from "./testing/requests.js";
import { WatchHub } from "./watch-hub.js";
import type { WatchStream } from "./watch-stream.js";

/** The hub and the lessor on the real store, over the memory engine. */
let opened: OpenedStore;
let hub: WatchHub | undefined;
let lessor: Lessor;
let output: FakeOutput;
let stream: WatchStream;

beforeEach(async () => {
  lessor = new Lessor({ store: new FakeBufferedStore(), clock: nodeClock, minTtlSeconds: 2 });
  const watchSink: WatchSink = {
    get isWatched() {
      return hub?.isWatched ?? false;
    },
    passed: (main) => hub?.passed(main),
    notify: (events) => hub?.notify(events),
    reset: () => hub?.reset(),
  };
  opened = await openStore({ store: { watchSink, leases: lessor } });
  hub = new WatchHub({ source: opened.store, clock: nodeClock, header: testHeader });
  output = new FakeOutput();
  stream = hub.openStream({ output, fragmentBytes: 2 ** 20, progressIntervalMs: 600_000 });
});

afterEach(async () => {
  hub?.close();
  hub = undefined;
  await opened.close();
});

/** "id@header: key=value<previous, -key" of each response, once `count` have come. */
async function responses(count: number): Promise<string[]> {
  const isIn = () => output.responses.length >= count;
  for (let i = 0; i < 1_000 && !isIn(); i++) await new Promise((done) => setTimeout(done, 2));
  await new Promise((done) => setTimeout(done, 10));
  return output.take().map(print);
}

function print(response: etcdserverpb.WatchResponse): string {
  const events = response.events.map(({ type, kv, prevKv }) => {
    const key = Buffer.from(kv!.key).toString();
    const previous = prevKv === undefined ? "" : `<${Buffer.from(prevKv.value)}`;
    return `${type === 1 ? `-${key}` : `${key}=${Buffer.from(kv!.value)}`}${previous}`;
  });
  const flag = response.created ? "created" : response.canceled ? "canceled" : events.join(", ");
  return `${response.watchId}@${response.header!.revision}: ${flag}`;
}

it("tells of puts, transactions, deletes and revoked leases, live and from the history", async () => {
  const { store } = opened;
  const watch = { rangeEnd: "z", prevKv: true };
  stream.create(createRequest("a", watch));
  store.put(putOf("a", "1"));
  store.txn(txnOf([op.put(putOf("a", "2")), op.put(putOf("b", "1"))]));
  store.deleteRange(deleteOf({ key: "a", rangeEnd: "b" }));
  lessor.grant(7n, 60);
  store.put(putOf("d", "leased", { lease: 7n }));
  store.put(putOf("c", "leased", { lease: 7n }));
  lessor.revoke(7n, (keys) => store.deleteKeys(keys));
  const events = [
    [2, "a=1"],
    [3, "a=2<1, b=1"],
    [4, "-a<2"],
    [5, "d=leased"],
    [6, "c=leased"],
    [7, "-c<leased, -d<leased"],
  ] as const;
  const live = events.map(([revision, text]) => `0@${revision}: ${text}`);
  expect(await responses(7)).toEqual(["0@1: created", ...live]);
  expect(lessor.leaseOf("c")).toBe(0n);

  await opened.buffered.flush();
  stream.create(createRequest("a", { ...watch, startRevision: 3 }));
  const past = events.slice(1).map(([, text]) => text);
  expect(await responses(2)).toEqual(["1@7: created", `1@7: ${past.join(", ")}`]);
});

it("lets a watcher that starts below the compacted revision go", async () => {
  const { store } = opened;
  for (const value of ["1", "2", "3", "4"]) store.put(putOf("a", value));
  await store.compact(4).done;
  stream.create(createRequest("a", { startRevision: 3 }));
  expect(await responses(2)).toEqual(["0@5: created", "0@0: canceled"]);
  stream.create(createRequest("a", { startRevision: 4, prevKv: true }));
  expect(await responses(2)).toEqual(["1@5: created", "1@5: a=3, a=4<3"]);
});

it("gives thousands of revisions to a watcher while writing goes on", async () => {
  const { store } = opened;
  const total = 20_000;
  let written = 0;
  const write = (count: number) => {
    for (let i = 0; i < count; i++) store.put(putOf(`k${written++ % 50}`, `${written}`));
  };
  write(10_000);
  await opened.buffered.flush();
  stream.create(createRequest("k", { rangeEnd: "l", startRevision: 2 }));
  while (written < total) {
    write(100);
    await new Promise((done) => setImmediate(done));
  }
  const revisions: number[] = [];
  for (let i = 0; i < 1_000 && revisions.length < total; i++) {
    await new Promise((done) => setTimeout(done, 5));
    for (const { events } of output.take()) {
      for (const { kv } of events) revisions.push(kv!.modRevision);
    }
  }
  expect(revisions).toEqual(Array.from({ length: total }, (_, i) => i + 2));
  expect(hub!.counters.slowWatchers).toBe(0);
});
