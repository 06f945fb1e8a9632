import type { Backend, Bucket, View } from "@kvorum/backends";
import type { Clock, Timer } from "@kvorum/base";
import { BatchCursor } from "./batch-cursor.js";
import { CommitOps } from "./commit-ops.js";
import { MvccError } from "./error.js";
import { limits } from "./limits.js";
import { type RecordPlace, SlabPool } from "./record-arena.js";
import { RecordSizes } from "./record-sizes.js";
import type { RecordStore } from "./record-store.js";
import {
  encodeRevisionKey,
  isTombstoneKey,
  REVISION_KEY_BYTES,
  revisionKeyMain,
  revisionKeySub,
  TOMBSTONE_KEY_BYTES,
} from "./revision-key.js";
import { WriteGeneration } from "./write-buffer.js";

/** Adds a record to the commit that is being sealed; takes ownership of both byte arrays. */
export type CommitPut = (bucket: Bucket, key: Uint8Array, value: Uint8Array) => void;

export interface BufferedBackendOptions {
  /** Owned: `close` closes it. */
  readonly backend: Backend;
  readonly clock: Clock;
  /** Longest time that a write waits before its commit begins, while none is under way. */
  readonly commitIntervalMs?: number;
  /** Operations after which a commit begins without waiting for the interval. */
  readonly commitOpsMax?: number;
  /**
   * Called synchronously when a commit is sealed, in a turn of its own, never amid a write: what it
   * puts (consistentIndex, term, confState) goes into that commit.
   */
  readonly beforeCommit?: (put: CommitPut) => void;
  readonly afterCommit?: (info: { readonly durationMs: number; readonly ops: number }) => void;
  /** The engine failed; called once. Nothing can be written any more. */
  readonly onFault: (error: unknown) => void;
}

interface FlushWaiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Step 11 of the write path, the committer: a two-generation write buffer before an engine.
 *
 *   putRecord, put, delete -> active --seal--> flushing --backend.commit--> settled (value cache)
 *
 * - One commit is under way at a time, so commits settle in order.
 * - Sealing happens in a turn of its own: what one turn writes is never torn apart.
 * - A seal follows the first write after `commitIntervalMs`, or as soon as the active generation
 *   holds `commitOpsMax` operations or a flush waits; a commit under way delays all three.
 * - After a fault the flushing generation stays readable and nothing is committed any more.
 */
export class BufferedBackend implements RecordStore {
  readonly #options: BufferedBackendOptions;
  readonly #backend: Backend;
  readonly #clock: Clock;
  readonly #commitIntervalMs: number;
  readonly #commitOpsMax: number;
  readonly #copiesReads: boolean;
  readonly sizes = new RecordSizes();
  /** Of the commit under way. */
  readonly #ops: CommitOps;
  readonly #slabs = new SlabPool();
  #active = new WriteGeneration(this.#slabs);
  #flushing: WriteGeneration | undefined;
  #timer: Timer | undefined;
  #isSealScheduled = false;
  #waiters: FlushWaiter[] = [];
  #onSettled: ((generation: WriteGeneration) => void) | undefined;
  #fault: { readonly error: unknown } | undefined;
  #isClosed = false;

  constructor(options: BufferedBackendOptions) {
    this.#options = options;
    this.#backend = options.backend;
    this.#clock = options.clock;
    this.#commitIntervalMs = options.commitIntervalMs ?? limits.commitIntervalMs;
    this.#commitOpsMax = options.commitOpsMax ?? limits.commitOpsMax;
    this.#ops = new CommitOps(this.#commitOpsMax);
    this.#copiesReads = options.backend.capabilities.zeroCopyReads;
  }

  /** Bytes that wait for a commit to settle. */
  get bufferedBytes(): number {
    return this.#active.bytes + (this.#flushing?.bytes ?? 0);
  }

  /** The engine falls behind: proposals should be slowed down until this is false again. */
  get pressure(): boolean {
    return this.bufferedBytes > limits.bufferedBytesPressure;
  }

  /** Operations that wait for a commit to begin. */
  get pendingOps(): number {
    return this.#active.ops;
  }

  get(bucket: Bucket, key: Uint8Array): Uint8Array | undefined {
    for (const generation of [this.#active, this.#flushing]) {
      if (generation === undefined) continue;
      if (bucket === "key") {
        const record = generation.recordOfKey(key);
        if (record !== undefined) return record;
        if (generation.isRecordDeleted(revisionKeyMain(key), revisionKeySub(key))) return undefined;
        continue;
      }
      const change = generation.changed(bucket, key);
      if (change !== undefined) return change.value;
    }
    return this.#engineGet(bucket, key);
  }

  put(bucket: Bucket, key: Uint8Array, value: Uint8Array): void {
    if (bucket === "key") {
      this.putRecord(revisionKeyMain(key), revisionKeySub(key), value, isTombstoneKey(key));
      return;
    }
    this.#active.change(bucket, key, value);
    this.#written();
  }

  delete(bucket: Bucket, key: Uint8Array): void {
    if (bucket === "key") {
      this.deleteRecord(revisionKeyMain(key), revisionKeySub(key), isTombstoneKey(key));
      return;
    }
    this.#active.change(bucket, key, undefined);
    this.#written();
  }

  deleteRecord(main: number, sub: number, isTombstone: boolean): void {
    this.#active.deleteRecord(main, sub, isTombstone);
    this.#written();
  }

  putRecord(main: number, sub: number, value: Uint8Array, isTombstone: boolean): void {
    const { bytes, start } = this.addRecord(main, sub, value.length, isTombstone);
    bytes.set(value, start);
  }

  addRecord(main: number, sub: number, length: number, isTombstone: boolean): RecordPlace {
    const place = this.#active.addRecord(main, sub, length, isTombstone);
    this.sizes.put((isTombstone ? TOMBSTONE_KEY_BYTES : REVISION_KEY_BYTES) + length);
    this.#written();
    return place;
  }

  bufferedRecord(main: number, sub: number): Uint8Array | undefined {
    return this.#active.record(main, sub) ?? this.#flushing?.record(main, sub);
  }

  engineRecord(main: number, sub: number): Uint8Array | undefined {
    return this.#engineGet("key", encodeRevisionKey(main, sub));
  }

  engineView(): Promise<View> {
    return this.#backend.view();
  }

  unsettled(): readonly WriteGeneration[] {
    return this.#flushing === undefined ? [this.#active] : [this.#flushing, this.#active];
  }

  onSettled(listener: (generation: WriteGeneration) => void): void {
    this.#onSettled = listener;
  }

  async entries(bucket: Bucket): Promise<readonly (readonly [Uint8Array, Uint8Array])[]> {
    const view = await this.view();
    try {
      const found: [Uint8Array, Uint8Array][] = [];
      for await (const batch of view.scan(bucket)) {
        const cursor = new BatchCursor(batch);
        for (let i = 0; i < cursor.count; i++) {
          cursor.moveTo(i);
          // Copies, because the caller may keep a few for long and would hold the whole batch.
          found.push([cursor.copyKey(), cursor.copyRecord()]);
        }
      }
      return found;
    } finally {
      await view.close();
    }
  }

  flush(): Promise<void> {
    if (this.#fault !== undefined) return Promise.reject(this.#faultError());
    if (this.#isClosed) return Promise.reject(new MvccError("CLOSED", "the store is closed"));
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#scheduleSeal();
    });
  }

  async view(): Promise<View> {
    // Without anything buffered no commit is made: a store is read before its applied index is
    // known.
    if (this.#flushing !== undefined || this.#active.ops !== 0) await this.flush();
    return this.#backend.view();
  }

  stat(): { readonly sizeBytes: number; readonly sizeInUseBytes: number } {
    return this.#backend.stat();
  }

  /**
   * Commits what is buffered and closes the engine, also when that commit fails. Nothing may be
   * written meanwhile.
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    const last = this.#fault === undefined ? this.flush() : Promise.resolve();
    this.#isClosed = true;
    try {
      await last;
    } finally {
      this.#timer?.clear();
      await this.#backend.close();
    }
  }

  #engineGet(bucket: Bucket, key: Uint8Array): Uint8Array | undefined {
    const value = this.#backend.get(bucket, key);
    return value !== undefined && this.#copiesReads ? Buffer.from(value) : value;
  }

  #written(): void {
    if (this.#flushing !== undefined || this.#fault !== undefined) return;
    if (this.#active.ops >= this.#commitOpsMax) this.#scheduleSeal();
    else this.#timer ??= this.#clock.after(this.#commitIntervalMs, () => this.#seal());
  }

  #scheduleSeal(): void {
    if (this.#isSealScheduled || this.#flushing !== undefined) return;
    this.#isSealScheduled = true;
    this.#clock.soon(() => {
      this.#isSealScheduled = false;
      this.#seal();
    });
  }

  #seal(): void {
    this.#timer?.clear();
    this.#timer = undefined;
    if (this.#flushing !== undefined || this.#fault !== undefined) return;
    const generation = this.#active;
    const waiters = this.#waiters;
    this.#active = new WriteGeneration(this.#slabs);
    this.#waiters = [];
    this.#options.beforeCommit?.((bucket, key, value) => generation.change(bucket, key, value));
    if (generation.ops === 0) {
      for (const waiter of waiters) waiter.resolve();
      return;
    }
    this.#flushing = generation;
    this.#commit(generation, waiters, 0);
  }

  /** Gathers the operations from the one at `from` on, in slices, and commits them. */
  #commit(generation: WriteGeneration, waiters: readonly FlushWaiter[], from: number): void {
    const startMs = this.#clock.nowMs();
    const next = generation.addOps(this.#ops, from, limits.commitSliceOps);
    if (next < generation.ops) {
      this.#clock.soon(() => this.#commit(generation, waiters, next));
      return;
    }
    const ops = this.#ops.list.length;
    this.#backend.commit(this.#ops.list).then(
      () => {
        this.#ops.clear();
        const durationMs = this.#clock.nowMs() - startMs;
        this.#settled(generation, waiters);
        this.#options.afterCommit?.({ durationMs, ops });
      },
      (error: unknown) => this.#failed(error, waiters),
    );
  }

  #settled(generation: WriteGeneration, waiters: readonly FlushWaiter[]): void {
    this.#flushing = undefined;
    generation.settle();
    this.#onSettled?.(generation);
    for (const waiter of waiters) waiter.resolve();
    if (this.#waiters.length !== 0) this.#scheduleSeal();
    else if (this.#active.ops !== 0) this.#written();
  }

  #failed(error: unknown, waiters: readonly FlushWaiter[]): void {
    this.#fault = { error };
    const failure = this.#faultError();
    for (const waiter of [...waiters, ...this.#waiters]) waiter.reject(failure);
    this.#waiters = [];
    this.#options.onFault(error);
  }

  #faultError(): MvccError {
    return new MvccError("CLOSED", "the engine failed at a commit", { cause: this.#fault?.error });
  }
}
