import { createPrng, type LeaseId } from "@kvorum/base";
import { expect, it } from "vitest";
import { ManualClock } from "../watch/testing/manual-clock.js";
import { Lessor } from "./lessor.js";
import { FakeBufferedStore } from "./testing/fake-buffered-store.js";

const MIN_TTL_SECONDS = 2;
const RETRY_MS = 3_000;
const FOREVER_SECONDS = 9_223_372_036;
const KEYS = ["a", "b", "c", "d"];

interface ModelLease {
  ttlSeconds: number;
  expiryMs: number;
  /** When `expired` may name it (again). */
  nameableMs: number;
  readonly keys: Set<string>;
  waiting: number;
}

/** Random work on a lessor, compared with a plain model of it after each step. */
class Run {
  readonly #prng;
  readonly #clock = new ManualClock();
  readonly #store = new FakeBufferedStore();
  readonly #model = new Map<LeaseId, ModelLease>();
  #lessor: Lessor;
  #isPrimary = false;
  #settled: string[] = [];
  readonly figures = { expired: 0, waited: 0, renewed: 0, promotions: 0 };

  constructor(seed: number) {
    this.#prng = createPrng(seed);
    this.#lessor = this.#make();
  }

  async run(steps: number): Promise<void> {
    this.#promote();
    for (let i = 0; i < steps; i++) {
      await this.#step();
      this.#compare();
    }
  }

  #make(): Lessor {
    const { clock, store } = { clock: this.#clock, store: this.#store };
    return new Lessor({ store, clock, minTtlSeconds: MIN_TTL_SECONDS });
  }

  async #step(): Promise<void> {
    const dice = this.#prng.below(100);
    if (dice < 15) this.#grant();
    else if (dice < 40) this.#renew();
    else if (dice < 50) this.#revoke(this.#pick());
    else if (dice < 65) this.#attach();
    else if (dice < 85) this.#clock.advance(this.#prng.below(3_000));
    else if (dice < 95) this.#expire();
    else if (dice < 97) this.#promote();
    else if (dice < 98) this.#demote();
    else if (dice < 99) await this.#restart();
  }

  #pick(): LeaseId {
    return BigInt(this.#prng.below(40) - 5);
  }

  #grant(): void {
    const id = this.#pick();
    const asked = this.#prng.below(20) - 2;
    if (id === 0n || this.#model.has(id)) {
      expect(() => this.#lessor.grant(id, asked)).toThrow(/lease/);
      return;
    }
    const ttlSeconds = Math.max(asked, MIN_TTL_SECONDS);
    expect(this.#lessor.grant(id, asked)).toBe(ttlSeconds);
    const expiryMs = this.#isPrimary
      ? this.#clock.nowMs() + ttlSeconds * 1_000
      : Number.POSITIVE_INFINITY;
    this.#model.set(id, { ttlSeconds, expiryMs, nameableMs: 0, keys: new Set(), waiting: 0 });
  }

  #renew(): void {
    const id = this.#pick();
    const model = this.#model.get(id);
    const outcomes: unknown[] = [];
    this.#lessor.renew(id, (outcome) => {
      outcomes.push(outcome);
      this.#settled.push(`${id} ${outcome}`);
    });
    if (!this.#isPrimary) {
      expect(outcomes).toEqual(["notPrimaryLessor"]);
    } else if (model === undefined) {
      expect(outcomes).toEqual(["leaseNotFound"]);
    } else if (model.expiryMs <= this.#clock.nowMs()) {
      expect(outcomes).toEqual([]);
      model.waiting++;
      this.figures.waited++;
    } else {
      expect(outcomes).toEqual([model.ttlSeconds]);
      model.expiryMs = this.#clock.nowMs() + model.ttlSeconds * 1_000;
      this.figures.renewed++;
    }
    this.#settled = [];
  }

  #revoke(id: LeaseId): void {
    const model = this.#model.get(id);
    if (model === undefined) {
      expect(() => this.#lessor.revoke(id, () => {})).toThrow("not found");
      return;
    }
    this.#lessor.revoke(id, (keys) => {
      expect(keys).toEqual([...model.keys].sort());
      for (const key of keys) this.#lessor.detach({ key, lease: id });
    });
    const settled = Array.from({ length: model.waiting }, () => `${id} leaseNotFound`);
    expect(this.#settled).toEqual(settled);
    this.#settled = [];
    this.#model.delete(id);
  }

  #attach(): void {
    const key = KEYS[this.#prng.below(KEYS.length)]!;
    const previous = this.#lessor.leaseOf(key);
    const lease = this.#prng.below(4) === 0 ? 0n : this.#pick();
    if (lease === 0n) this.#lessor.detach({ key, lease: previous });
    else this.#lessor.attach({ key, lease, previous });
    this.#model.get(previous)?.keys.delete(key);
    this.#model.get(lease)?.keys.add(key);
  }

  /** What the server does every half second: revoke some of what is named, and fail with others. */
  #expire(): void {
    const nowMs = this.#clock.nowMs();
    const due = [...this.#model].filter(
      ([, { expiryMs, nameableMs }]) => this.#isPrimary && Math.max(expiryMs, nameableMs) <= nowMs,
    );
    const named = this.#lessor.expired();
    expect([...named].sort()).toEqual(due.map(([id]) => id).sort());
    for (const id of named) {
      this.figures.expired++;
      this.#model.get(id)!.nameableMs = nowMs + RETRY_MS;
      if (this.#prng.below(2) === 0) this.#revoke(id);
    }
  }

  #promote(): void {
    const extendMs = this.#prng.below(2_000);
    this.#lessor.promote(extendMs);
    this.#isPrimary = true;
    this.figures.promotions++;
    for (const model of this.#model.values()) {
      model.expiryMs = this.#clock.nowMs() + model.ttlSeconds * 1_000 + extendMs;
      model.nameableMs = 0;
    }
  }

  #demote(): void {
    this.#lessor.demote();
    this.#demoteModel();
  }

  #demoteModel(): void {
    this.#isPrimary = false;
    let waiting = 0;
    for (const model of this.#model.values()) {
      waiting += model.waiting;
      model.waiting = 0;
      model.expiryMs = Number.POSITIVE_INFINITY;
    }
    expect(this.#settled).toHaveLength(waiting);
    for (const outcome of this.#settled) expect(outcome).toMatch(/ notPrimaryLessor$/);
    this.#settled = [];
  }

  /** The records survive; the store attaches the keys again. */
  async #restart(): Promise<void> {
    if (this.#prng.below(2) === 0) {
      await this.#lessor.load();
      this.#demoteModel();
    } else {
      this.#lessor = this.#make();
      await this.#lessor.load();
      for (const model of this.#model.values()) model.waiting = 0;
      this.#demoteModel();
    }
    for (const [lease, { keys }] of this.#model) {
      for (const key of keys) this.#lessor.attach({ key, lease, previous: 0n });
    }
  }

  #compare(): void {
    const nowMs = this.#clock.nowMs();
    const order = this.#lessor.leases();
    const expiries = order.map((id) => this.#model.get(id)?.expiryMs ?? Number.NaN);
    const isSorted = expiries.every((expiry, i) => i === 0 || expiry >= expiries[i - 1]!);
    expect(isSorted, `sorted by expiry: ${expiries}`).toBe(true);
    const actual = order.map((id) => {
      const { ttlSeconds, grantedTtlSeconds, keys } = this.#lessor.timeToLive(id)!;
      return `${id} ${ttlSeconds} ${grantedTtlSeconds} ${[...keys].sort()}`;
    });
    const expected = [...this.#model].map(([id, { ttlSeconds, expiryMs, keys }]) => {
      const left = Math.trunc((expiryMs - nowMs) / 1_000) || 0;
      return `${id} ${Math.min(left, FOREVER_SECONDS)} ${ttlSeconds} ${[...keys].sort()}`;
    });
    expect(actual.sort()).toEqual(expected.sort());
  }
}

it("does what a plain model does", async () => {
  const seed = Number(process.env.KVORUM_SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`KVORUM_SEED=${seed}`);
  const run = new Run(seed);
  await run.run(3_000);
  console.log(run.figures);
  for (const figure of Object.values(run.figures)) expect(figure).toBeGreaterThan(0);
});
