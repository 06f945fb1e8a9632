import {
  type ApiError,
  etcdserverpb,
  HeaderEncoder as Header,
  type HeaderEncoder,
  ProposalField,
  type RawResponse,
  WireWriter,
  writeResponse,
} from "@kvorum/api";
import { createPrng, type Prng } from "@kvorum/base";
import { describe, expect, test } from "vitest";
import { deleteRange, put, range } from "../support/rpc.js";
import { type CrashMode, SimulatedMember } from "../support/simulated-member.js";
import {
  type SeenEvent,
  stampedValue,
  stampOf,
  type Write,
  WriteHistory,
} from "../support/write-history.js";

/**
 * A member on a simulated disk, written to at random, crashed at random, restarted: what it
 * acknowledged is there, whole, and nothing that nobody asked for. One seed replays one run exactly:
 * KVORUM_SEED=7 runs that one, with KVORUM_SEEDS=100 as many from there on.
 */

const firstSeed = Number(process.env.KVORUM_SEED ?? Date.now() % 2 ** 32);
const SEEDS = Number(process.env.KVORUM_SEEDS ?? (process.env.KVORUM_SEED === undefined ? 12 : 1));
/** Seeds within which a log that isn't synced is sure to lose something. */
const UNSAFE_SEEDS = 10;
const LIVES = 5;
const STEPS_PER_LIFE = 90;
const KEYS = 8;
const GROUP = ["g/0", "g/1", "g/2"];
const MODES: readonly CrashMode[] = ["drop", "tear", "keep"];

const EVERYTHING = { key: Buffer.from([0]), rangeEnd: Buffer.from([0]) };
const header: HeaderEncoder = new Header({ clusterId: 1n, memberId: 1n });

class Run {
  readonly #prng: Prng;
  readonly #node: SimulatedMember;
  readonly history = new WriteHistory();
  readonly #pending = new Set<Write>();
  #count = 0;
  #compacted = 0;
  crashesInStart = 0;

  constructor(seed: number, options: { readonly unsafeNoSync?: boolean } = {}) {
    this.#prng = createPrng(seed);
    this.#node = new SimulatedMember(this.#prng, options);
  }

  async all(): Promise<void> {
    for (let life = 0; life < LIVES; life++) await this.live();
    await this.finish();
  }

  async live(): Promise<void> {
    if (this.#prng.below(3) === 0) await this.#crashInStart();
    await this.#node.start();
    expect(this.#node.faults).toEqual([]);
    await this.#check();
    for (let step = 0; step < STEPS_PER_LIFE; step++) {
      this.#step();
      if (this.#prng.below(2) === 0) await this.#node.clock.run(this.#prng.below(5));
    }
    if (this.#prng.below(6) === 0) {
      // A graceful end: all that was proposed is answered one way or another.
      await this.#node.stop();
    } else this.#crash();
    for (const write of this.#pending) this.history.doubt(write);
    this.#pending.clear();
    expect(this.#node.faults).toEqual([]);
  }

  async finish(): Promise<void> {
    await this.#node.start();
    await this.#check();
    await this.#node.stop();
  }

  #crash(): void {
    this.#node.crash(MODES[this.#prng.below(MODES.length)]!);
  }

  async #crashInStart(): Promise<void> {
    this.crashesInStart++;
    this.#node.begin().catch(() => {});
    await this.#node.clock.run(this.#prng.below(60));
    this.#crash();
  }

  #step(): void {
    const draw = this.#prng.below(100);
    const stamp = `${this.#count++}-20`;
    const key = `k/${this.#prng.below(KEYS)}`;
    if (draw < 55) this.#write({ keys: [key], stamp });
    else if (draw < 80) this.#write({ keys: GROUP, stamp });
    else if (draw < 92) this.#write({ keys: [key], stamp: undefined });
    else if (draw < 97) this.#write({ keys: GROUP, stamp: undefined });
    else this.#compact();
  }

  #write(write: Write): void {
    const [field, bytes] = encodeWrite(write);
    this.#pending.add(write);
    this.#node.member.consensus.proposer.propose(field, bytes, {
      applied: (response) => {
        this.#pending.delete(write);
        const { revision, deleted } = response as { revision: number; deleted?: number };
        if (deleted === 0) return;
        this.history.acknowledge(revision, write);
      },
      failed: (error: ApiError) => {
        expect(error.message).toBe("etcdserver: server stopped");
      },
    });
  }

  /** Only what a check has seen, so that all later revisions stay comparable. */
  #compact(): void {
    if (this.#checked <= this.#compacted) return;
    const revision = this.#compacted + 1 + this.#prng.below(this.#checked - this.#compacted);
    this.#compacted = revision;
    const request = etcdserverpb.CompactionRequest.encode({ revision, physical: false }).finish();
    this.#node.member.consensus.proposer.propose(ProposalField.compaction, request, {
      applied: () => {},
      failed: () => {},
    });
  }

  #checked = 0;

  async #check(): Promise<void> {
    const { store } = this.#node.member.store;
    const current = store.currentRevision;
    const from = Math.max(store.compactRevision, 1);
    let before = await this.#stateAt(from);
    expect(before).toEqual(this.#expected(from));
    const seen = new Map<number, SeenEvent[]>();
    for (let revision = from + 1; revision <= current; revision++) {
      const now = await this.#stateAt(revision);
      seen.set(revision, difference(before, now));
      before = now;
    }
    this.history.settle(seen, from, current);
    expect(before).toEqual(this.#expected(current));
    this.#checked = current;
  }

  #expected(revision: number): Map<string, string> {
    const state = this.history.stateAt(revision);
    return new Map([...state].map(([key, { stamp }]) => [key, stamp]).sort() as [string, string][]);
  }

  /** Key -> stamp, in the order of the keys. */
  async #stateAt(revision: number): Promise<Map<string, string>> {
    const raw = await this.#node.member.store.store.range(range({ ...EVERYTHING, revision }));
    const { kvs } = decodeRange(raw);
    return new Map(kvs.map(({ key, value }) => [String(key), stampOf(value)]));
  }
}

function encodeWrite({ keys, stamp }: Write): [ProposalField, Uint8Array] {
  const first = Buffer.from(keys[0]!);
  if (stamp === undefined) {
    const rangeEnd = keys.length > 1 ? Buffer.from("g0") : Buffer.alloc(0);
    const request = deleteRange({ key: first, rangeEnd });
    return [ProposalField.deleteRange, etcdserverpb.DeleteRangeRequest.encode(request).finish()];
  }
  const puts = keys.map((key) => put({ key: Buffer.from(key), value: stampedValue(stamp, 20) }));
  if (puts.length === 1) {
    return [ProposalField.put, etcdserverpb.PutRequest.encode(puts[0]!).finish()];
  }
  const success = puts.map((value) => ({ request: { $case: "requestPut" as const, value } }));
  const txn = { compare: [], success, failure: [] };
  return [ProposalField.txn, etcdserverpb.TxnRequest.encode(txn).finish()];
}

function decodeRange(raw: RawResponse): etcdserverpb.RangeResponse {
  const writer = new WireWriter();
  writeResponse(writer, header, 1, raw);
  return etcdserverpb.RangeResponse.decode(writer.toBytes());
}

/** What one revision did: stamps are unique, so an equal one means untouched. */
function difference(before: Map<string, string>, now: Map<string, string>): SeenEvent[] {
  const events: SeenEvent[] = [];
  for (const [key, stamp] of now) {
    if (before.get(key) !== stamp) events.push({ key, stamp });
  }
  for (const key of before.keys()) {
    if (!now.has(key)) events.push({ key, stamp: undefined });
  }
  return events;
}

describe("a simulated member", () => {
  const seeds = Array.from({ length: SEEDS }, (_, i) => (firstSeed + i) % 2 ** 32);
  test.each(seeds)("loses nothing acknowledged (KVORUM_SEED=%i)", async (seed) => {
    const run = new Run(seed);
    await run.all();
    expect(run.history.acknowledged).toBeGreaterThan(0);
  });

  test("would be caught losing something if its log were not synced", async () => {
    let lost = 0;
    for (let i = 0; i < UNSAFE_SEEDS && lost === 0; i++) {
      const seed = (firstSeed + i) % 2 ** 32;
      await new Run(seed, { unsafeNoSync: true }).all().catch(() => lost++);
    }
    expect(lost).toBeGreaterThan(0);
  });
});
