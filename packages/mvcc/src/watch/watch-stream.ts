import { etcdserverpb } from "@kvorum/api";
import type { MainRevision, Timer } from "@kvorum/base";
import type { Batch } from "./batch.js";
import { CohortSet } from "./cohort-set.js";
import { readCreateRequest, type WatchedRange } from "./create-request.js";
import { DeliveryQueue } from "./delivery-queue.js";
import type { WatchOutput } from "./output.js";
import { recipientsOf, singleRecipient } from "./recipients.js";
import { responseKind } from "./selector.js";
import type { WatchCore } from "./watch-core.js";
import type { Cohort, HubStream, Watcher } from "./watcher.js";
import { type ControlResponse, encodeControlResponse, encodeIdField } from "./wire.js";

/** The id of responses that belong to no watcher: refusals and progress of the whole stream. */
const INVALID_ID_FIELD = encodeIdField(-1n);
const { NOPUT, NODELETE } = etcdserverpb.WatchCreateRequest_FilterType;

export interface WatchStreamOptions {
  readonly output: WatchOutput;
  /** Streams whose outputs share a connection name the same object here. */
  readonly group?: object;
  /** Responses at least this long are split for watchers that asked for it; bytes. */
  readonly fragmentBytes: number;
  /** Period of progress notifications in ms, jitter included. */
  readonly progressIntervalMs: number;
}

/**
 * The state of one watch stream: its watchers by id, what they are still owed, and whether the
 * output takes more. Made by `WatchHub.openStream`. Requests are answered before the call returns.
 *
 * A stream whose output asked to wait keeps a bounded queue; past the bound its watchers fall
 * behind: the queue is dropped, each notes the revision it stands at, and they read the history
 * once the output has drained.
 */
export class WatchStream implements HubStream {
  readonly #core: WatchCore;
  readonly #options: WatchStreamOptions;
  readonly #queue: DeliveryQueue;
  readonly #watchers = new Map<bigint, Watcher>();
  readonly #cohorts = new CohortSet();
  /** In the order in which they are served. */
  readonly #lagging = new Set<Watcher>();
  readonly group: object;
  isDirty = false;
  #nextId = 0n;
  #isBlocked = false;
  #isClosed = false;
  #isOverfull = false;
  #progressTimer: Timer | undefined;

  constructor(core: WatchCore, options: WatchStreamOptions) {
    this.#core = core;
    this.#options = options;
    this.group = options.group ?? this;
    this.#queue = new DeliveryQueue(core.counters);
  }

  /**
   * Answers with a created response; a refusal is one that is canceled too, with id -1.
   * @param options.denied why the client may not watch these keys: the refusal's cancel_reason
   */
  create(
    request: etcdserverpb.WatchCreateRequest,
    options?: { readonly denied?: string | undefined },
  ): void {
    if (this.#isClosed) return;
    const asked = readCreateRequest(request, {
      denied: options?.denied,
      isTaken: (id) => this.#watchers.has(id),
    });
    if ("cancelReason" in asked) {
      this.#respond({ idField: INVALID_ID_FIELD, created: true, canceled: true, ...asked });
      return;
    }
    this.#core.onCreate();
    const watcher = this.#register(request, asked);
    this.#respond({ idField: watcher.idField, created: true });
    this.place(watcher);
  }

  /** Answers with a canceled response; a no-op for an unknown id. */
  cancel(id: bigint): void {
    const watcher = this.#watchers.get(id);
    if (watcher === undefined || this.#isClosed) return;
    this.flush();
    // What is still queued must not follow the canceled response.
    if (!this.#queue.isEmpty) this.#fallBehind();
    this.#watchers.delete(id);
    this.#forget(watcher);
    this.#respond({ idField: watcher.idField, canceled: true });
  }

  /**
   * Tells the client that it has everything up to the current revision, if that is so for all its
   * watchers and there is one; otherwise nothing is sent and the client asks again.
   */
  requestProgress(): void {
    this.flush();
    if (this.#watchers.size === 0 || !this.#queue.isEmpty) return;
    for (const watcher of this.#watchers.values()) {
      if (!this.#isCurrent(watcher)) return;
    }
    this.#respond({ idField: INVALID_ID_FIELD });
  }

  /** The output takes more again; it gets it in the next turn. */
  drained(): void {
    if (this.#isClosed) return;
    this.#isBlocked = false;
    if (!this.#queue.isEmpty) this.#core.flushSoon(this);
    if (this.canCatchUp) this.#core.catchUpSoon(this);
  }

  /** Ends all watchers without a word; idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#queue.close();
    this.#progressTimer?.clear();
    for (const watcher of this.#watchers.values()) this.#forget(watcher);
    this.#watchers.clear();
    this.#core.streams.delete(this);
    this.#core.counters.streams--;
  }

  // What follows is `HubStream`: called by the hub and the catch-up only.

  get canCatchUp(): boolean {
    const isReady = !this.#isClosed && !this.#isBlocked && !this.#queue.isFull;
    return isReady && this.#lagging.size > 0;
  }

  get lagging(): Iterable<Watcher> {
    return this.#lagging;
  }

  deliver(cohort: Cohort, batch: Batch): void {
    if (this.#queue.isEmpty && !this.#isBlocked) this.#core.flushSoon(this);
    cohort.recipients ??= recipientsOf(cohort);
    this.#queue.push(cohort.recipients, batch);
    if (this.#queue.isFull && !this.#isOverfull) {
      this.#isOverfull = true;
      this.#core.onOverfull(this);
    }
  }

  settle(): void {
    this.#isOverfull = false;
    this.flush();
    if (this.#queue.isFull) this.#fallBehind();
  }

  flush(): void {
    if (this.#isBlocked || this.#isClosed || this.#queue.isEmpty) return;
    const { output, fragmentBytes } = this.#options;
    const { chunk, frames } = this.#core;
    const isOpen = this.#queue.flush({ output, chunk, frames, fragmentBytes });
    if (!isOpen) this.#isBlocked = true;
  }

  advance(watcher: Watcher, batch: Batch | undefined, next: MainRevision): void {
    this.#lagging.delete(watcher);
    watcher.next = next;
    if (batch !== undefined) this.#deliverTo(watcher, batch);
    if (next > this.#core.source.currentRevision) {
      this.#core.counters.slowWatchers--;
      watcher.state = "closed";
      this.place(watcher);
    } else {
      this.#lagging.add(watcher);
    }
  }

  compact(watcher: Watcher, compactRevision: MainRevision): void {
    this.flush();
    if (!this.#queue.isEmpty) return;
    this.#lagging.delete(watcher);
    this.#core.counters.slowWatchers--;
    watcher.state = "compacted";
    const { idField } = watcher;
    const header = this.#core.header(0);
    this.#write({ header, idField, canceled: true, compactRevision });
  }

  place(watcher: Watcher): void {
    const current = this.#core.source.currentRevision;
    if (watcher.next === 0 || watcher.next === current + 1) {
      this.join(watcher);
    } else if (watcher.next > current) {
      watcher.state = "future";
      this.#core.future.add(watcher);
    } else {
      this.#lag(watcher, watcher.next);
      if (this.canCatchUp) this.#core.catchUpSoon(this);
    }
  }

  join(watcher: Watcher): void {
    watcher.state = "synced";
    this.#cohorts.join(watcher);
  }

  desync(next: MainRevision): void {
    for (const watcher of this.#cohorts.dissolve()) {
      watcher.state = "closed";
      watcher.next = next;
      this.place(watcher);
    }
  }

  #register(request: etcdserverpb.WatchCreateRequest, range: WatchedRange): Watcher {
    const core = this.#core;
    const id = this.#chooseId(request.watchId);
    const selector = core.index.acquire(range.key, range.end);
    const watcher: Watcher = {
      id,
      idField: encodeIdField(id),
      stream: this,
      kind: responseKind(selector, {
        noPut: request.filters.includes(NOPUT),
        noDelete: request.filters.includes(NODELETE),
        prevKv: request.prevKv,
      }),
      fragment: request.fragment,
      progressNotify: request.progressNotify,
      startRevision: request.startRevision,
      state: "closed",
      next: request.startRevision,
      cohort: undefined,
      slot: 0,
      quiet: true,
    };
    this.#watchers.set(id, watcher);
    core.counters.watchers++;
    if (watcher.progressNotify) this.#startProgressTimer();
    return watcher;
  }

  #chooseId(asked: bigint): bigint {
    if (asked !== 0n) return asked;
    while (this.#watchers.has(this.#nextId)) this.#nextId++;
    return this.#nextId++;
  }

  #lag(watcher: Watcher, next: MainRevision): void {
    if (watcher.state === "synced") this.#cohorts.leave(watcher);
    if (watcher.state !== "lagging") this.#core.counters.slowWatchers++;
    watcher.state = "lagging";
    watcher.next = next;
    this.#lagging.add(watcher);
  }

  #forget(watcher: Watcher): void {
    if (watcher.state === "synced") this.#cohorts.leave(watcher);
    if (watcher.state === "future") this.#core.future.delete(watcher);
    if (this.#lagging.delete(watcher)) this.#core.counters.slowWatchers--;
    watcher.state = "closed";
    this.#core.index.release(watcher.kind.selector);
    this.#core.counters.watchers--;
  }

  /** Drops the queue: whoever misses something in it has to read it from the history. */
  #fallBehind(): void {
    const missing = new Map<Watcher, MainRevision>();
    for (const { recipients, sent, batch } of this.#queue.takeAll()) {
      for (let i = sent; i < recipients.count; i++) {
        const watcher = recipients.watchers[i]!;
        if (!missing.has(watcher)) missing.set(watcher, batch.from);
      }
    }
    for (const [watcher, next] of missing) this.#lag(watcher, next);
    if (this.canCatchUp) this.#core.catchUpSoon(this);
  }

  #deliverTo(watcher: Watcher, batch: Batch): void {
    if (this.#queue.extend(watcher, batch)) return;
    if (this.#queue.isEmpty && !this.#isBlocked) this.#core.flushSoon(this);
    this.#queue.push(singleRecipient(watcher), batch);
  }

  #isCurrent(watcher: Watcher): boolean {
    const current = this.#core.source.currentRevision;
    return watcher.state === "synced" && current >= watcher.startRevision;
  }

  /** A response without events, with the current revision, after all events that can go before. */
  #respond(response: Omit<ControlResponse, "header">): void {
    this.flush();
    const header = this.#core.header(this.#core.source.currentRevision);
    this.#write({ header, ...response });
  }

  #write(response: ControlResponse): void {
    if (!this.#options.output.write([encodeControlResponse(response)])) this.#isBlocked = true;
  }

  #startProgressTimer(): void {
    this.#progressTimer ??= this.#core.clock.every(this.#options.progressIntervalMs, () =>
      this.#notifyProgress(),
    );
  }

  /** Tells each watcher that asked for it and heard nothing since the last tick where it stands. */
  #notifyProgress(): void {
    this.flush();
    for (const watcher of this.#watchers.values()) {
      if (!watcher.progressNotify) continue;
      const isQuiet = watcher.quiet;
      watcher.quiet = true;
      if (isQuiet && this.#queue.isEmpty && !this.#isBlocked && this.#isCurrent(watcher)) {
        this.#respond({ idField: watcher.idField });
      }
    }
  }
}
