import { createMemoryEngine, MemoryDisk } from "@kvorum/backends";
import { type Clock, MemoryFileSystem, type Prng, SimulatedClock, type Timer } from "@kvorum/base";
import { gates } from "../../packages/server/src/config/feature-gates.js";
import { Member } from "../../packages/server/src/member.js";
import type { MemberOptions } from "../../packages/server/src/member-options.js";
import { createMetrics } from "../../packages/server/src/observe/metrics.js";
import { PeerClient } from "../../packages/server/src/peer/peer-client.js";

/** How power is lost: what was not synced goes, a part of it stays, or only the process dies. */
export type CrashMode = "drop" | "tear" | "keep";

const PEER_URL = "http://127.0.0.1:1";
const DATA_DIR = "/data";
/** The disk and the engine take up to this long for an operation. */
const LATENCY_MS_MAX = 3;
const START_WITHIN_MS = 60_000;

/** A clock that stops for one process when that process dies; the world's goes on. */
class ProcessClock implements Clock {
  readonly #world: Clock;
  isDead = false;

  constructor(world: Clock) {
    this.#world = world;
  }
  wallMs(): number {
    return this.#world.wallMs();
  }
  nowMs(): number {
    return this.#world.nowMs();
  }
  after(delayMs: number, callback: () => void): Timer {
    return this.#world.after(delayMs, () => this.#call(callback));
  }
  every(periodMs: number, callback: () => void): Timer {
    const timer = this.#world.every(periodMs, () => {
      if (this.isDead) timer.clear();
      else callback();
    });
    return timer;
  }
  soon(callback: () => void): void {
    this.#world.soon(() => this.#call(callback));
  }
  #call(callback: () => void): void {
    if (!this.isDead) callback();
  }
}

/**
 * A whole member, log and engine included, on a simulated disk and in simulated time; it can be
 * crashed at any moment and started again on what the crash left.
 */
export class SimulatedMember {
  readonly clock = new SimulatedClock();
  readonly #prng: Prng;
  readonly #disk = new MemoryDisk();
  readonly #options: Partial<MemberOptions>;
  /** What the member reported as its end, other than a crash. */
  readonly faults: unknown[] = [];
  #fs: MemoryFileSystem;
  #process: ProcessClock;
  #member: Member | undefined;

  constructor(prng: Prng, options: Partial<MemberOptions> = {}) {
    this.#prng = prng;
    this.#options = options;
    this.#process = new ProcessClock(this.clock);
    this.#fs = new MemoryFileSystem({
      seed: prng.below(2 ** 32),
      clock: this.clock,
      latencyMsMax: LATENCY_MS_MAX,
    });
  }

  get member(): Member {
    if (this.#member === undefined) throw new Error("the member is not running");
    return this.#member;
  }

  /** Starts the member and lets time pass until it serves. */
  async start(): Promise<Member> {
    const starting = this.begin();
    const member = await this.#waitFor(starting);
    this.#member = member;
    return member;
  }

  /** A start that may be crashed before it is through. */
  begin(): Promise<Member> {
    this.#process = new ProcessClock(this.clock);
    return Member.start(this.#memberOptions(this.#process), () => {});
  }

  /** Ends the process, and the power with it, at this moment. */
  crash(mode: CrashMode): void {
    this.#process.isDead = true;
    this.#member = undefined;
    this.#fs = this.#fs.crash(mode);
    this.#disk.crash();
  }

  async stop(): Promise<void> {
    await this.#waitFor(this.member.stop());
    this.#process.isDead = true;
    this.#member = undefined;
  }

  /** Lets time pass until `promise` settles. */
  async #waitFor<Value>(promise: Promise<Value>): Promise<Value> {
    let isSettled = false;
    const settle = () => {
      isSettled = true;
    };
    promise.then(settle, settle);
    for (let ms = 0; !isSettled; ms++) {
      if (ms > START_WITHIN_MS) throw new Error("nothing happened for a simulated minute");
      await this.clock.run(1);
    }
    return promise;
  }

  #memberOptions(clock: ProcessClock): MemberOptions {
    const quiet = () => {};
    return {
      ...{ name: "default", dataDir: DATA_DIR, walDir: undefined },
      engine: this.#engine(clock),
      lockDirectory: async () => ({ release: async () => {} }),
      initialCluster: () => new Map([["default", [PEER_URL]]]),
      ...{ initialClusterToken: "simulated", initialClusterState: "new" as const },
      ...{ advertisePeerUrls: [PEER_URL], advertiseClientUrls: ["http://127.0.0.1:2"] },
      dialTls: undefined,
      peerClient: new PeerClient({ clock, electionTimeoutMs: 1_000 }),
      ...{ heartbeatIntervalMs: 100, electionTimeoutMs: 1_000, preVote: true },
      ...{ learnersMax: 1, strictReconfigCheck: true },
      ...{ snapshotCountEntries: 30, snapshotCatchUpEntries: 10 },
      ...{ walsMax: 5, snapshotsMax: 5, unsafeNoSync: false, quotaBytes: -1 },
      ...{ requestBytesMax: 1_572_864, txnOpsMax: 128 },
      ...{ commitIntervalMs: 20, commitOpsMax: 200, valueCacheBytes: 10_000 },
      ...{ compactionBatchKeys: 10, compactionSleepMs: 1 },
      ...{ watchProgressIntervalMs: 600_000, slowApplyMs: 100, slowRequestMs: 300 },
      concurrentStreamsMax: 100,
      keepalive: { minTimeMs: 5_000, intervalMs: 7_200_000, timeoutMs: 20_000 },
      ...{ clock, fs: this.#fs, prng: this.#prng },
      logger: { debug: quiet, info: quiet, warn: quiet, error: quiet, fatal: quiet },
      metrics: createMetrics({
        ...{ services: [], extensive: false, clock },
        featureGates: Object.fromEntries(
          Object.entries(gates).map(([name, gate]) => [name, gate.default]),
        ) as Record<keyof typeof gates, boolean>,
        figures: () => ({}),
        facts: () => ({
          ...{ serverVersion: "3.7.1", runtimeVersion: process.version },
          ...{ memberId: undefined, clusterVersion: undefined },
        }),
      }),
      onFault: (error) => {
        if (!clock.isDead) this.faults.push(error);
      },
      onRemoved: quiet,
      ...this.#options,
    };
  }

  /** With a medium of its own: what it committed survives, some time after it was told to. */
  #engine(clock: ProcessClock): MemberOptions["engine"] {
    return createMemoryEngine({
      disk: this.#disk,
      schedule: (apply) => {
        clock.after(LATENCY_MS_MAX, apply);
      },
      pause: () => Promise.resolve(),
    });
  }
}
