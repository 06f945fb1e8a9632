import { type etcdserverpb, mvccpb } from "@kvorum/api";
import { createPrng, type MainRevision, type Prng } from "@kvorum/base";
import { describe, expect, it } from "vitest";
import type { StoreEvent } from "../types.js";
import { FakeOutput } from "./testing/fake-output.js";
import { type Change, FakeStore } from "./testing/fake-store.js";
import { ManualClock } from "./testing/manual-clock.js";
import { createRequest, testHeader } from "./testing/requests.js";
import { WatchHub } from "./watch-hub.js";
import type { WatchStream } from "./watch-stream.js";

const KEYS = ["a", "ab", "b", "ba", "c", "d\x00", "e\xff", "f"];
const FRAGMENT_BYTES = 120;
const STEPS = 1_500;

/** What the model knows of one watcher: it follows the store's full history, event by event. */
interface Expected {
  readonly id: bigint;
  readonly key: string;
  readonly end: string;
  readonly request: etcdserverpb.WatchCreateRequest;
  readonly start: MainRevision;
  /** Index of the next revision in the store's history, and of the event within it. */
  revisionIndex: number;
  eventIndex: number;
  state: "open" | "compacted";
}

interface StreamUnderTest {
  readonly stream: WatchStream;
  readonly output: FakeOutput;
  readonly watchers: Map<bigint, Expected>;
  readonly created: bigint[];
}

/** Runs random work against a hub and checks every response as it is sent. */
class Run {
  readonly #prng: Prng;
  readonly #clock = new ManualClock();
  readonly #store = new FakeStore();
  readonly #hub: WatchHub;
  readonly #streams: StreamUnderTest[] = [];
  readonly figures = { events: 0, fragments: 0, compacted: 0, multiRevision: 0, progress: 0 };

  constructor(seed: number) {
    this.#prng = createPrng(seed);
    this.#hub = new WatchHub({ source: this.#store, clock: this.#clock, header: testHeader });
    this.#store.sink = this.#hub;
  }

  async run(): Promise<void> {
    for (let i = 0; i < 4; i++) this.#open();
    for (let i = 0; i < STEPS; i++) await this.#step();
    await this.#settle();
    this.#checkEnd();
  }

  async #step(): Promise<void> {
    const dice = this.#prng.below(100);
    if (dice < 35) this.#write(false);
    else if (dice < 48) this.#create();
    else if (dice < 54) this.#cancel();
    else if (dice < 57) this.#pick().stream.requestProgress();
    else if (dice < 58) this.#compact();
    else if (dice < 68) this.#block(this.#pick());
    else if (dice < 76) this.#unblock(this.#pick());
    else if (dice < 88) this.#clock.runSoon();
    else if (dice < 95) this.#settleRead();
    else if (dice < 97) this.#clock.advance(this.#prng.below(400));
    else if (dice < 98) this.#snapshot();
    else if (dice < 99) this.#burst();
    else this.#reopen();
    if (this.#prng.below(2) === 0) await microtasks();
  }

  #write(silent: boolean): void {
    const changes: Change[] = [];
    const count = this.#prng.below(4) === 0 ? 1 + this.#prng.below(6) : 1;
    for (let i = 0; i < count; i++) {
      const key = KEYS[this.#prng.below(KEYS.length)]!;
      const value = "v".repeat(this.#prng.below(30));
      changes.push(
        this.#prng.below(3) === 0 ? { type: "delete", key } : { type: "put", key, value },
      );
    }
    this.#store.apply(changes, { silent });
  }

  /** More revisions at once than a blocked stream may keep. */
  #burst(): void {
    const count = this.#prng.below(300);
    for (let i = 0; i < count; i++) this.#write(false);
  }

  /** A leader's snapshot: the store jumps ahead without a word, then tells of it. */
  #snapshot(): void {
    const count = this.#prng.below(20);
    for (let i = 0; i < count; i++) this.#write(true);
    this.#hub.reset();
  }

  #compact(): void {
    const { currentRevision, compactRevision } = this.#store;
    const room = currentRevision - Math.max(compactRevision, 0);
    // Mostly some way behind the present, so that a part of the lagging watchers survives.
    const span = this.#prng.below(4) === 0 ? room : room >>> 2;
    if (span > 0) this.#store.compact(Math.max(compactRevision, 0) + 1 + this.#prng.below(span));
  }

  #open(): void {
    const form = (["single", "framed", "inPlace", "inPlace"] as const)[this.#prng.below(4)]!;
    const output = new FakeOutput({ form });
    output.room = () => (this.#prng.below(4) === 0 ? undefined : this.#prng.below(2_000));
    const stream = this.#hub.openStream({
      output,
      fragmentBytes: FRAGMENT_BYTES,
      progressIntervalMs: 1_000,
    });
    const opened = { stream, output, watchers: new Map<bigint, Expected>(), created: [] };
    output.onResponse = (response, length) => this.#check(opened, response, length);
    this.#streams.push(opened);
  }

  #reopen(): void {
    const [closed] = this.#streams.splice(this.#prng.below(this.#streams.length), 1);
    closed!.stream.close();
    closed!.output.onResponse = () => expect.fail("a response after close");
    this.#open();
  }

  #create(): void {
    const target = this.#pick();
    const known = [...target.watchers.values()];
    // Half of the watchers are like one that is there, so that crowds come about.
    const asked =
      known.length > 0 && this.#prng.below(2) === 0
        ? known[this.#prng.below(known.length)]!
        : this.#randomWatch();
    const { key, end } = asked;
    const current = this.#store.currentRevision;
    const starts = [0, current + 1, current + 3, 1 + this.#prng.below(current + 1)];
    const startRevision = starts[this.#prng.below(4)]!;
    const watchId = this.#prng.below(4) === 0 ? BigInt(this.#prng.below(300) - 100) : 0n;
    const request = { ...asked.request, startRevision, watchId };
    const isEmptyRange = end !== "" && end !== "\0" && key >= end;
    const isDuplicate = watchId !== 0n && target.watchers.has(watchId);
    const sentBefore = target.created.length;
    const start = startRevision === 0 ? current + 1 : startRevision;
    // The created response registers the watcher in `#check`, before any event can come.
    this.#creating = isEmptyRange || isDuplicate ? undefined : { key, end, request, start };
    target.stream.create(request);
    expect(target.created.length).toBe(sentBefore + 1);
  }

  #randomWatch(): Pick<Expected, "key" | "end" | "request"> {
    const key = KEYS[this.#prng.below(KEYS.length)]!;
    const end = ["", "", "", "\0", `${key}\xff`, "d", "z"][this.#prng.below(7)]!;
    const request = createRequest(key, {
      rangeEnd: end,
      filters: [[], [], [], [0], [1], [0, 1]][this.#prng.below(6)]!,
      prevKv: this.#prng.below(3) === 0,
      fragment: this.#prng.below(3) === 0,
      progressNotify: this.#prng.below(4) === 0,
    });
    return { key, end, request };
  }

  #creating: Pick<Expected, "key" | "end" | "request" | "start"> | undefined;

  #cancel(): void {
    const target = this.#pick();
    const ids = [...target.watchers.keys()];
    if (ids.length === 0) {
      target.stream.cancel(12345n);
      return;
    }
    const id = ids[this.#prng.below(ids.length)]!;
    target.stream.cancel(id);
    expect(target.watchers.has(id)).toBe(false);
  }

  #pick(): StreamUnderTest {
    return this.#streams[this.#prng.below(this.#streams.length)]!;
  }

  #block(target: StreamUnderTest): void {
    target.output.accepts = () => this.#prng.below(4) > 0;
  }

  #unblock(target: StreamUnderTest): void {
    if (this.#prng.below(2) === 0) target.output.accepts = () => true;
    if (!target.output.isBlocked) return;
    target.output.isBlocked = false;
    target.stream.drained();
  }

  #settleRead(): void {
    const read = this.#store.reads.shift();
    if (this.#prng.below(10) === 0) read?.fail(new Error("the engine failed"));
    else read?.run();
  }

  /** Lets every watcher arrive. */
  async #settle(): Promise<void> {
    for (const target of this.#streams) target.output.accepts = () => true;
    for (let i = 0; i < 2_000; i++) {
      for (const target of this.#streams) this.#unblock(target);
      this.#store.reads.shift()?.run();
      await microtasks();
      this.#clock.runSoon();
      if (i % 10 === 0) this.#clock.advance(100);
    }
  }

  #check(target: StreamUnderTest, response: etcdserverpb.WatchResponse, length: number): void {
    const { currentRevision, compactRevision } = this.#store;
    if (response.created) {
      this.#checkCreated(target, response);
      return;
    }
    if (response.watchId === -1n && !target.watchers.has(-1n)) {
      this.figures.progress++;
      expect(response.header?.revision).toBe(currentRevision);
      for (const each of target.watchers.values()) this.#checkUpToDate(each);
      return;
    }
    const watcher = target.watchers.get(response.watchId);
    expect(watcher, `a response for ${response.watchId}, which is not there`).toBeDefined();
    if (response.canceled && response.compactRevision === 0) {
      expect(response.events).toEqual([]);
      target.watchers.delete(response.watchId);
      return;
    }
    expect(watcher!.state).toBe("open");
    if (response.canceled) {
      expect(response.events).toEqual([]);
      this.figures.compacted++;
      expect(response.compactRevision).toBe(compactRevision);
      expect(watcher!.start).toBeLessThan(compactRevision);
      expect(response.header?.revision).toBe(0);
      watcher!.state = "compacted";
      return;
    }
    if (response.events.length === 0) {
      expect(response.header?.revision).toBe(currentRevision);
      this.#checkUpToDate(watcher!);
      return;
    }
    this.#checkEvents(watcher!, response, length);
  }

  #checkCreated(target: StreamUnderTest, response: etcdserverpb.WatchResponse): void {
    target.created.push(response.watchId);
    expect(response.header?.revision).toBe(this.#store.currentRevision);
    const creating = this.#creating;
    expect(response.canceled).toBe(creating === undefined);
    if (creating === undefined) {
      expect(response.watchId).toBe(-1n);
      return;
    }
    if (creating.request.watchId !== 0n) expect(response.watchId).toBe(creating.request.watchId);
    expect(target.watchers.has(response.watchId)).toBe(false);
    const index = this.#store.all.findIndex(({ main }) => main >= creating.start);
    target.watchers.set(response.watchId, {
      ...creating,
      id: response.watchId,
      revisionIndex: index < 0 ? this.#store.all.length : index,
      eventIndex: 0,
      state: "open",
    });
  }

  #checkEvents(watcher: Expected, response: etcdserverpb.WatchResponse, length: number): void {
    const { request } = watcher;
    const mains = new Set<MainRevision>();
    for (const event of response.events) {
      const expected = this.#next(watcher);
      if (expected === undefined) throw new Error("an event too many");
      this.#checkEvent(watcher, event, expected);
      mains.add(expected.revision.main);
      watcher.eventIndex++;
      this.figures.events++;
    }
    const last = response.events.at(-1)!.kv!.modRevision;
    expect(response.header!.revision).toBeGreaterThanOrEqual(last);
    if (mains.size > 1) this.figures.multiRevision++;
    if (response.fragment) {
      this.figures.fragments++;
      expect(request.fragment).toBe(true);
    } else {
      // Nothing more of the same revision may be left.
      expect(this.#next(watcher)?.revision.main).not.toBe(last);
    }
    if (request.fragment && response.events.length > 1) {
      expect(length).toBeLessThan(FRAGMENT_BYTES);
    }
  }

  #checkEvent(watcher: Expected, event: mvccpb.Event, expected: StoreEvent): void {
    const { main } = expected.revision;
    check(isSame(event.kv, expected.kv), "another KeyValue");
    check(event.type === (expected.type === "put" ? 0 : 1), "another type");
    if (!watcher.request.prevKv || expected.isCreate) {
      check(event.prevKv === undefined, "a previous KeyValue that is not wanted");
      return;
    }
    const isCompacted = main - 1 < this.#store.compactRevision;
    if (event.prevKv === undefined && isCompacted) return;
    const previous = this.#store.keyValueEver(expected.key, main - 1);
    check(isSame(event.prevKv, previous), "another previous KeyValue");
  }

  #checkUpToDate(watcher: Expected): void {
    expect(watcher.state).toBe("open");
    expect(this.#store.currentRevision).toBeGreaterThanOrEqual(watcher.request.startRevision);
    expect(this.#next(watcher)).toBeUndefined();
  }

  /** The next event that the watcher is to get, if it has happened. */
  #next(watcher: Expected): StoreEvent | undefined {
    const { all } = this.#store;
    while (watcher.revisionIndex < all.length) {
      const { main, events } = all[watcher.revisionIndex]!;
      while (main >= watcher.start && watcher.eventIndex < events.length) {
        const event = events[watcher.eventIndex]!;
        if (wants(watcher, event)) return event;
        watcher.eventIndex++;
      }
      watcher.revisionIndex++;
      watcher.eventIndex = 0;
    }
    return undefined;
  }

  #checkEnd(): void {
    let count = 0;
    for (const { watchers } of this.#streams) {
      for (const watcher of watchers.values()) {
        count++;
        if (watcher.state === "open") expect(this.#next(watcher)).toBeUndefined();
      }
    }
    const { watchers, slowWatchers, pendingEvents, streams } = this.#hub.counters;
    expect({ watchers, slowWatchers, pendingEvents, streams }).toEqual({
      watchers: count,
      slowWatchers: 0,
      pendingEvents: 0,
      streams: this.#streams.length,
    });
    for (const { stream } of this.#streams) stream.close();
    expect(this.#hub.counters.watchers).toBe(0);
  }
}

/** Cheaper than `expect`, for what is checked a hundred thousand times. */
function check(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}

function isSame(decoded: mvccpb.KeyValue | undefined, encoded: Uint8Array | undefined): boolean {
  if (decoded === undefined || encoded === undefined) return decoded === encoded;
  return Buffer.compare(mvccpb.KeyValue.encode(decoded).finish(), encoded) === 0;
}

function wants(watcher: Expected, event: StoreEvent): boolean {
  if (watcher.request.filters.includes(event.type === "put" ? 0 : 1)) return false;
  if (watcher.end === "") return event.key === watcher.key;
  return event.key >= watcher.key && (watcher.end === "\0" || event.key < watcher.end);
}

async function microtasks(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

describe("the watch hub against a model", () => {
  const seeds = process.env.KVORUM_SEED;
  const first = seeds === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(seeds);
  const runs = seeds === undefined ? 8 : 1;

  for (let i = 0; i < runs; i++) {
    it(`gives every watcher its events, once and in order (KVORUM_SEED=${first + i})`, async () => {
      const run = new Run(first + i);
      await run.run();
      console.log(`KVORUM_SEED=${first + i}`, run.figures);
      expect(run.figures.events).toBeGreaterThan(100);
    });
  }
});
