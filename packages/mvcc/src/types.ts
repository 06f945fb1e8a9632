import type { RawKeyValue } from "@kvorum/api";
import type { LeaseId, MainRevision } from "@kvorum/base";

/** `main` numbers the request that made the change, `sub` the change within it, from 0. */
export interface Revision {
  readonly main: MainRevision;
  readonly sub: number;
}

/** One change of one key, as watchers see it. Shared by all watchers; never changed. */
export interface StoreEvent {
  readonly type: "put" | "delete";
  /** The key, one character a byte (`bytesToLatin1`). */
  readonly key: string;
  readonly revision: Revision;
  /** The KeyValue after the change; of a delete, one with only key and mod_revision set. */
  readonly kv: RawKeyValue;
  /** A put that created the key: such an event never has a previous KeyValue. */
  readonly isCreate: boolean;
}

/** All events of one main revision, in sub order; never empty. */
export interface RevisionEvents {
  readonly main: MainRevision;
  readonly events: readonly StoreEvent[];
}

/**
 * What the watch hub asks of the store. Implemented by `Store`; the hub's tests use a fake.
 */
export interface WatchSource {
  readonly currentRevision: MainRevision;
  /** -1 when never compacted. */
  readonly compactRevision: MainRevision;
  /**
   * The history from `from` on, in order: at most `revisionsMax` revisions (a revision is never
   * split), skipping those without events. `next` is the first revision not looked at. Reads the
   * write buffers and the engine; resolves in a later turn.
   */
  history(
    from: MainRevision,
    revisionsMax: number,
  ): Promise<{ readonly revisions: readonly RevisionEvents[]; readonly next: MainRevision }>;
  /** The KeyValue of `key` as of `main`; undefined when absent or compacted. Synchronous. */
  keyValueAt(key: string, main: MainRevision): RawKeyValue | undefined;
}

/** What the store tells after each write transaction, synchronously, in revision order. */
export interface WatchSink {
  /** False while nobody watches: then `passed` is told in place of `notify`. */
  readonly isWatched: boolean;
  notify(events: RevisionEvents): void;
  /** A revision whose events nobody asked for. */
  passed(main: MainRevision): void;
  /** A snapshot replaced the store's content: every watcher must catch up from history. */
  reset(): void;
}

/**
 * What the store asks of the lessor while it applies writes. Implemented by `Lessor`.
 */
export interface LeaseAttachments {
  has(lease: LeaseId): boolean;
  /** `key` is attached to `lease` from now on; it was attached to `previous` (0n: to none). */
  attach(options: {
    readonly key: string;
    readonly lease: LeaseId;
    readonly previous: LeaseId;
  }): void;
  detach(options: { readonly key: string; readonly lease: LeaseId }): void;
}
