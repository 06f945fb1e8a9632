import { beforeEach, describe, expect, it } from "vitest";
import { watchLimits } from "./limits.js";
import { FakeOutput } from "./testing/fake-output.js";
import { createRequest } from "./testing/requests.js";
import { StreamHarness } from "./testing/stream-harness.js";

let harness: StreamHarness;
let { store, clock, hub, output, stream }: StreamHarness = new StreamHarness();

const create: StreamHarness["create"] = (...asked) => harness.create(...asked);
const settle = () => harness.settle();
const sent = () => harness.sent();

beforeEach(() => {
  harness = new StreamHarness();
  ({ store, clock, hub, output, stream } = harness);
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
    expect(await settle()).toBe(2);
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
    store.put("a", "1");
    create("a", { startRevision: 2 });
    clock.runSoon();
    store.reads.shift()!.fail(new Error("disk"));
    await settle();
    expect(harness.errors).toEqual([new Error("disk")]);
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
    harness.open(other).create(createRequest("a"));
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
    const missed = 2 * watchLimits.deliveriesMax;
    expect(caughtUp).toHaveLength(Math.ceil(missed / watchLimits.revisionsPerBatchMax));
    expect(caughtUp.reduce((count, { events }) => count + events.length, 0)).toBe(missed);
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
    const compactRevision = 2 * watchLimits.deliveriesMax + 2;
    expect(output.take()).toMatchObject([{ watchId: 0n, canceled: true, compactRevision }]);
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
