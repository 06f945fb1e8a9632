import { beforeEach, describe, expect, it } from "vitest";
import { watchLimits } from "./limits.js";
import { FakeOutput } from "./testing/fake-output.js";
import { createRequest } from "./testing/requests.js";
import { PROGRESS_MS, StreamHarness } from "./testing/stream-harness.js";

const COMPACTED = "etcdserver: mvcc: required revision has been compacted";
let harness: StreamHarness;
let { store, clock, hub, output, stream }: StreamHarness = new StreamHarness();

const create: StreamHarness["create"] = (...asked) => harness.create(...asked);
const settle = () => harness.settle();
const sent = () => harness.sent();

beforeEach(() => {
  harness = new StreamHarness();
  ({ store, clock, hub, output, stream } = harness);
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

  it("reach every stream under the ids of its own watchers", async () => {
    const outputs = Array.from({ length: 40 }, (_, i) => {
      const other = new FakeOutput();
      const opened = harness.open(other);
      // Some streams have the ids of others, some have ids of the same length, some more of them.
      const ids = [1n, 2n, i % 3 === 0 ? 3n : BigInt(40 + i), ...(i % 5 === 0 ? [200n] : [])];
      for (const watchId of ids) opened.create(createRequest("a", { watchId }));
      other.take();
      return { other, ids };
    });
    store.put("a", "1");
    store.put("a", "2");
    await settle();
    for (const { other, ids } of outputs) {
      const told = other.take().map(({ watchId, events }) => `${watchId}=${events[0]!.kv!.value}`);
      const expected = ids.flatMap((id) => [`${id}=49`, `${id}=50`]);
      expect(told.sort()).toEqual(expected.sort());
    }
  });

  it("are handed over a share a turn, each stream in its turn", () => {
    const outputs = Array.from({ length: 100 }, () => {
      const other = new FakeOutput();
      harness.open(other).create(createRequest("a"));
      other.take();
      return other;
    });
    store.put("a", "v".repeat(8_000));
    let turns = 0;
    const served: number[] = [];
    while (served.length < 2 || served.at(-1)! < outputs.length) {
      clock.runSoon();
      served.push(outputs.filter(({ responses }) => responses.length === 1).length);
      expect(++turns).toBeLessThan(10);
    }
    expect(served[0]).toBe(Math.ceil(watchLimits.turnBytesMax / 8_050));
    expect(served).toHaveLength(2);
  });

  it("are handed over group by group, the streams of one in their order", () => {
    const order: string[] = [];
    for (const name of ["a1", "b1", "a2", "b2", "a3"]) {
      const other = new FakeOutput();
      harness.open(other, name.startsWith("a") ? store : clock).create(createRequest("a"));
      other.onResponse = () => order.push(name);
    }
    store.put("a", "1");
    clock.runSoon();
    expect(order).toEqual(["a1", "a2", "a3", "b1", "b2"]);
  });

  it("come in order to a stream that is a few revisions behind all the time", () => {
    create("a");
    create("a");
    output.room = () => 0;
    output.accepts = () => false;
    const puts = 3 * watchLimits.deliveriesMax;
    const behind = 5;
    for (let i = 0; i < puts + behind; i++) {
      if (i < puts) store.put("a", String(i));
      if (i < behind) continue;
      for (let watcher = 0; watcher < 2; watcher++) {
        output.isBlocked = false;
        stream.drained();
        clock.runSoon();
      }
      expect(hub.counters.slowWatchers).toBe(0);
      expect(hub.counters.pendingEvents).toBe(2 * Math.min(behind, puts - 1 - i + behind));
    }
    const seen = output.take().map(({ watchId, events }) => `${watchId}: ${events[0]?.kv?.value}`);
    const value = (i: number): string => Buffer.from(String(i)).join(",");
    const all = Array.from({ length: puts }, (_, i) => [`0: ${value(i)}`, `1: ${value(i)}`]);
    expect(seen).toEqual(all.flat());
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
