import type { etcdserverpb } from "@kvorum/api";
import { beforeEach, describe, expect, it } from "vitest";
import { watchLimits } from "./limits.js";
import { FakeOutput } from "./testing/fake-output.js";
import { FakeStore } from "./testing/fake-store.js";
import { ManualClock } from "./testing/manual-clock.js";
import { createRequest, testHeader } from "./testing/requests.js";
import { WatchHub } from "./watch-hub.js";
import type { WatchStream } from "./watch-stream.js";

const COMPACTED = "etcdserver: mvcc: required revision has been compacted";
const PROGRESS_MS = 600_000;
let store: FakeStore;
let clock: ManualClock;
let hub: WatchHub;
let output: FakeOutput;
let stream: WatchStream;

function open(to: FakeOutput): WatchStream {
  return hub.openStream({ output: to, fragmentBytes: 1_000, progressIntervalMs: PROGRESS_MS });
}

function create(
  ...[key, options]: Parameters<typeof createRequest>
): etcdserverpb.WatchResponse | undefined {
  stream.create(createRequest(key, options));
  return output.take().at(-1);
}

/** Lets the hub work until nothing is left to do. */
async function settle(): Promise<void> {
  while (clock.hasSoon || store.reads.length > 0) {
    clock.runSoon();
    store.reads.shift()?.run();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** What each response says, for comparisons: "id@header: key=value, -key". */
async function sent(): Promise<string[]> {
  await settle();
  return output.take().map((response) => {
    const events = response.events.map(({ type, kv }) => {
      const key = Buffer.from(kv!.key).toString();
      return type === 1 ? `-${key}` : `${key}=${Buffer.from(kv!.value)}`;
    });
    return `${response.watchId}@${response.header!.revision}: ${events.join(", ")}`;
  });
}

beforeEach(() => {
  store = new FakeStore();
  clock = new ManualClock();
  hub = new WatchHub({ source: store, clock, header: testHeader });
  store.sink = hub;
  output = new FakeOutput();
  stream = open(output);
});

describe("create", () => {
  it("numbers watchers from 0, skips ids in use and never uses one again", () => {
    expect(create("a")).toMatchObject({ watchId: 0n, created: true, canceled: false });
    expect(create("a", { watchId: 1n })?.watchId).toBe(1n);
    expect(create("a")?.watchId).toBe(2n);
    stream.cancel(2n);
    expect(create("a")?.watchId).toBe(3n);
    expect(create("a", { watchId: -7n })?.watchId).toBe(-7n);
  });

  it("answers with the whole header at the current revision", () => {
    store.put("a", "1");
    const header = { clusterId: 1n, memberId: 2n, revision: 2, raftTerm: 3 };
    expect(create("a")?.header).toEqual(header);
  });

  it.each([
    ["negative start", "a", { startRevision: -1, rangeEnd: "A" }, COMPACTED],
    ["empty range", "b", { rangeEnd: "b" }, "mvcc: watcher range is empty"],
    ["inverted range", "b", { rangeEnd: "a" }, "mvcc: watcher range is empty"],
    ["duplicate", "a", { watchId: 5n }, "mvcc: duplicate watch ID provided on the WatchStream"],
  ])("refuses a %s", (_, key, options, cancelReason) => {
    create("a", { watchId: 5n });
    const refused = { watchId: -1n, created: true, canceled: true, cancelReason };
    expect(create(key, options)).toMatchObject({ ...refused, compactRevision: 0 });
    expect(hub.counters.watchers).toBe(1);
  });

  it("refuses what is denied, but looks at the start revision first", () => {
    const denied = "rpc error: code = PermissionDenied desc = etcdserver: permission denied";
    stream.create(createRequest("b", { rangeEnd: "a" }), { denied });
    stream.create(createRequest("a", { startRevision: -1 }), { denied });
    const reasons = output.take().map(({ cancelReason }) => cancelReason);
    expect(reasons).toEqual([denied, COMPACTED]);
  });

  it("takes an empty key for the least one and an end of \\0 for none", async () => {
    create("", { rangeEnd: "\0" });
    create("b", { rangeEnd: "\0" });
    create("");
    store.put("a", "1");
    store.put("b", "2");
    store.put("\0", "3");
    expect(await sent()).toEqual(["0@2: a=1", "0@3: b=2", "1@3: b=2", "2@4: \0=3", "0@4: \0=3"]);
  });
});

describe("live events", () => {
  it("come in one response a revision and watcher, with that revision in the header", async () => {
    create("a", { rangeEnd: "c" });
    create("b");
    store.apply([
      { type: "put", key: "a", value: "1" },
      { type: "put", key: "b", value: "2" },
      { type: "put", key: "c", value: "3" },
    ]);
    store.delete("a");
    expect(await sent()).toEqual(["0@2: a=1, b=2", "1@2: b=2", "0@3: -a"]);
  });

  it("of many watchers and revisions are handed over in one call", async () => {
    for (let i = 0; i < 300; i++) create("a");
    store.put("a", "1");
    store.put("a", "2");
    output.calls = 0;
    const responses = await sent();
    expect(output.calls).toBe(1);
    expect(responses).toHaveLength(600);
    expect(new Set(responses)).toContain("299@3: a=2");
  });

  it("are filtered, and a revision without any left is not mentioned", async () => {
    create("a", { filters: [0] });
    create("a", { filters: [1] });
    create("a", { filters: [0, 1] });
    store.put("a", "1");
    store.delete("a");
    expect(await sent()).toEqual(["1@2: a=1", "0@3: -a"]);
  });

  it("carry the previous KeyValue where asked for, but never that of a new key", async () => {
    create("a", { prevKv: true });
    create("a");
    store.put("a", "1");
    store.put("a", "2");
    store.delete("a");
    await settle();
    const previous = output.take().map(({ watchId, events }) => {
      return `${watchId} ${Buffer.from(events[0]?.prevKv?.value ?? Buffer.from("none"))}`;
    });
    expect(previous).toEqual(["0 none", "1 none", "0 1", "1 none", "0 2", "1 none"]);
  });

  it("below the start revision are left out", async () => {
    create("a", { startRevision: 4 });
    for (const value of ["2", "3", "4"]) store.put("a", value);
    expect(await sent()).toEqual(["0@4: a=4"]);
  });

  it("that are large are shared, not copied for each watcher", async () => {
    create("a");
    create("a");
    store.put("a", "x".repeat(watchLimits.copiedBodyBytesMax));
    output.calls = 0;
    expect(await sent()).toHaveLength(2);
    expect(output.calls).toBe(2);
  });
});

describe("history", () => {
  it("comes in one response with the current revision, then live events", async () => {
    for (const value of ["1", "2", "3"]) store.put("a", value);
    create("a", { startRevision: 3 });
    expect(await sent()).toEqual(["0@4: a=2, a=3"]);
    store.put("a", "4");
    expect(await sent()).toEqual(["0@5: a=4"]);
  });

  it("is read once for watchers of one place, at most 1,000 revisions at a time", async () => {
    store.put("a", "first");
    for (let i = 0; i < 1_500; i++) store.put("b", "x");
    store.put("a", "last");
    for (let i = 0; i < 600; i++) stream.create(createRequest("a", { startRevision: 1 }));
    output.take();
    let reads = 0;
    while (clock.hasSoon || store.reads.length > 0) {
      clock.runSoon();
      const read = store.reads.shift();
      if (read !== undefined) reads++;
      read?.run();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(reads).toBe(2);
    const values = output
      .take()
      .map(({ events }) => events.map(({ kv }) => Buffer.from(kv!.value).toString()));
    expect(values).toHaveLength(1_200);
    expect(new Set(values.flat())).toEqual(new Set(["first", "last"]));
  });

  it("comes in responses of at most 1,000 revisions or about 1 MiB", async () => {
    create("keeps the recent revisions in memory");
    for (let i = 0; i < 2_200; i++) store.put("a", `${i}`);
    for (let i = 0; i < 3; i++) store.put("b", "v".repeat(600_000));
    create("a", { startRevision: 2 });
    create("b", { startRevision: 2 });
    await settle();
    expect(store.reads).toEqual([]);
    const responses = output.take();
    const sizes = (id: bigint) =>
      responses.filter(({ watchId }) => watchId === id).map(({ events }) => events.length);
    expect(sizes(1n)).toEqual([1_000, 1_000, 200]);
    expect(sizes(2n)).toEqual([2, 1]);
    const revisions = responses.flatMap(({ watchId, events }) =>
      watchId === 1n ? events.map(({ kv }) => kv!.modRevision) : [],
    );
    expect(revisions).toEqual(Array.from({ length: 2_200 }, (_, i) => i + 2));
  });

  it("is completed by what is written while it is read", async () => {
    store.put("a", "1");
    create("a", { startRevision: 2 });
    clock.runSoon();
    expect(store.reads).toHaveLength(1);
    const read = store.reads.shift()!;
    read.run();
    store.put("a", "2");
    await new Promise((resolve) => setImmediate(resolve));
    expect(await sent()).toEqual(["0@3: a=1, a=2"]);
    expect(hub.counters.slowWatchers).toBe(0);
  });

  it("is tried again after a failure", async () => {
    const errors: unknown[] = [];
    hub = new WatchHub({
      source: store,
      clock,
      header: testHeader,
      onError: (e) => errors.push(e),
    });
    stream = open(output);
    store.put("a", "1");
    create("a", { startRevision: 2 });
    clock.runSoon();
    store.reads.shift()!.fail(new Error("disk"));
    await settle();
    expect(errors).toEqual([new Error("disk")]);
    clock.advance(watchLimits.resyncPeriodMs);
    expect(await sent()).toEqual(["0@2: a=1"]);
  });

  it("that is compacted ends the watcher, whose id stays taken until it is canceled", async () => {
    for (const value of ["1", "2", "3"]) store.put("a", value);
    store.compact(3);
    expect(create("a", { startRevision: 3 })?.created).toBe(true);
    expect(create("a", { startRevision: 2, watchId: 9n })?.created).toBe(true);
    await settle();
    const [compacted, events] = output.take();
    expect(compacted).toMatchObject({ watchId: 9n, canceled: true, compactRevision: 3 });
    expect(compacted).toMatchObject({ created: false, cancelReason: "", events: [] });
    expect(compacted!.header).toMatchObject({ clusterId: 1n, revision: 0 });
    expect(events?.watchId).toBe(0n);
    expect(create("a", { watchId: 9n })?.canceled).toBe(true);
    stream.requestProgress();
    expect(output.take()).toEqual([]);
    stream.cancel(9n);
    expect(output.take()).toMatchObject([{ watchId: 9n, canceled: true, compactRevision: 0 }]);
    expect(create("a", { watchId: 9n })?.canceled).toBe(false);
  });
});

describe("cancel", () => {
  it("answers once with the current revision and ends the events", async () => {
    create("a");
    store.put("a", "1");
    stream.cancel(0n);
    stream.cancel(0n);
    stream.cancel(5n);
    store.put("a", "2");
    await settle();
    const [events, canceled, ...more] = output.take();
    expect(events?.events).toHaveLength(1);
    expect(canceled).toMatchObject({ watchId: 0n, canceled: true, cancelReason: "" });
    expect(canceled!.header!.revision).toBe(2);
    expect(more).toEqual([]);
    expect(hub.counters).toMatchObject({ watchers: 0, slowWatchers: 0 });
  });

  it("drops what a blocked output has not taken", async () => {
    create("a");
    create("a");
    output.isBlocked = true;
    store.put("a", "1");
    expect(await sent()).toHaveLength(2);
    store.put("a", "2");
    stream.cancel(0n);
    expect(output.take()).toMatchObject([{ watchId: 0n, canceled: true }]);
    output.isBlocked = false;
    stream.drained();
    expect(await sent()).toEqual(["1@3: a=2"]);
  });
});

describe("progress", () => {
  it("is told when all watchers are synced, after their events, and never without one", async () => {
    stream.requestProgress();
    expect(output.take()).toEqual([]);
    create("a");
    store.put("a", "1");
    stream.requestProgress();
    expect(await sent()).toEqual(["0@2: a=1", "-1@2: "]);
  });

  it("is withheld while a watcher is behind or waits for the future", async () => {
    store.put("a", "1");
    create("a", { startRevision: 2 });
    stream.requestProgress();
    expect(await sent()).toEqual(["0@2: a=1"]);
    create("a", { startRevision: 3 });
    stream.requestProgress();
    expect(output.take()).toEqual([]);
    store.put("a", "2");
    stream.requestProgress();
    expect((await sent()).at(-1)).toBe("-1@3: ");
  });

  it("is told each period to watchers that asked for it and heard nothing", async () => {
    create("a", { progressNotify: true });
    create("b", { progressNotify: true });
    create("b");
    clock.advance(PROGRESS_MS);
    expect(await sent()).toEqual(["0@1: ", "1@1: "]);
    store.put("a", "1");
    await sent();
    clock.advance(PROGRESS_MS);
    expect(await sent()).toEqual(["1@2: "]);
    clock.advance(PROGRESS_MS);
    expect(await sent()).toEqual(["0@2: ", "1@2: "]);
    stream.close();
    clock.advance(PROGRESS_MS);
    expect(await sent()).toEqual([]);
  });
});

describe("fragments", () => {
  it("split a large revision only for watchers that allow it", async () => {
    create("a", { rangeEnd: "z", fragment: true });
    create("a", { rangeEnd: "z" });
    const changes = ["a", "b", "c", "d", "e"].map((key) => {
      return { type: "put" as const, key, value: "v".repeat(400) };
    });
    store.apply(changes);
    await settle();
    const shape = output.take().map(({ watchId, fragment, events }) => {
      return `${watchId} ${events.length}${fragment ? " more" : ""}`;
    });
    expect(shape.sort()).toEqual(["0 1", "0 2 more", "0 2 more", "1 5"]);
  });
});

describe("a slow output", () => {
  it("gets what its bounded queue kept, as if it had never been slow", async () => {
    create("a");
    output.isBlocked = true;
    for (let i = 0; i < 50; i++) store.put("a", `${i}`);
    const first = await sent();
    store.put("a", "last");
    expect(await sent()).toEqual([]);
    output.isBlocked = false;
    stream.drained();
    expect([...first, ...(await sent())]).toHaveLength(51);
    expect(hub.counters).toMatchObject({ slowWatchers: 0, pendingEvents: 0, eventsSent: 51 });
  });

  it("makes its watchers fall behind past the bound, and nobody else's", async () => {
    const other = new FakeOutput();
    open(other).create(createRequest("a"));
    create("a");
    output.isBlocked = true;
    store.put("a", "0");
    await settle();
    for (let i = 1; i <= 2 * watchLimits.deliveriesMax; i++) store.put("a", `${i}`);
    await settle();
    expect(hub.counters).toMatchObject({ slowWatchers: 1, pendingEvents: 0 });
    expect(other.take()).toHaveLength(2 * watchLimits.deliveriesMax + 2);
    output.take();
    output.isBlocked = false;
    stream.drained();
    await settle();
    const caughtUp = output.take();
    expect(caughtUp.map(({ events }) => events.length)).toEqual([2 * watchLimits.deliveriesMax]);
    expect(hub.counters.slowWatchers).toBe(0);
    expect(store.reads).toEqual([]);
  });

  it("that is overtaken by compaction gets the compacted response", async () => {
    create("a");
    output.isBlocked = true;
    store.put("a", "0");
    await settle();
    for (let i = 0; i < 2 * watchLimits.deliveriesMax; i++) store.put("a", `${i}`);
    store.compact(store.currentRevision);
    output.take();
    output.isBlocked = false;
    stream.drained();
    await settle();
    expect(output.take()).toMatchObject([{ watchId: 0n, canceled: true, compactRevision: 258 }]);
  });
});

describe("reset", () => {
  it("sends synced watchers to the history of the new content", async () => {
    create("a");
    create("a", { startRevision: 5 });
    store.put("a", "2");
    store.apply([{ type: "put", key: "a", value: "3" }], { silent: true });
    store.apply([{ type: "put", key: "a", value: "4" }], { silent: true });
    store.apply([{ type: "put", key: "a", value: "5" }], { silent: true });
    hub.reset();
    store.put("a", "6");
    expect(await sent()).toEqual(["0@2: a=2", "1@6: a=5, a=6", "0@6: a=3, a=4, a=5, a=6"]);
  });
});

it("counts streams and watchers, and forgets them when closed", () => {
  create("a");
  create("b", { rangeEnd: "c", startRevision: 100 });
  expect(hub.counters).toMatchObject({ streams: 1, watchers: 2 });
  stream.close();
  stream.close();
  stream.create(createRequest("a"));
  expect(hub.counters).toMatchObject({ streams: 0, watchers: 0, slowWatchers: 0 });
  store.put("a", "1");
  expect(output.take()).toEqual([]);
});
