import { type Backend, createMemoryEngine, MemoryDisk } from "@kvorum/backends";
import type { LeaseId, MainRevision } from "@kvorum/base";
import { nodeClock } from "@kvorum/base/node";
import { BufferedBackend, type BufferedBackendOptions } from "../committer.js";
import { Store, type StoreOptions } from "../store.js";
import type { LeaseAttachments, RevisionEvents, WatchSink } from "../types.js";

/** Attachments as the store tells them, by lease. */
export class FakeLeases implements LeaseAttachments {
  readonly keys = new Map<LeaseId, Set<string>>();

  grant(lease: LeaseId): void {
    this.keys.set(lease, new Set());
  }

  has(lease: LeaseId): boolean {
    return this.keys.has(lease);
  }

  attach({ key, lease, previous }: { key: string; lease: LeaseId; previous: LeaseId }): void {
    if (previous !== 0n) this.detach({ key, lease: previous });
    this.keys.get(lease)!.add(key);
  }

  detach({ key, lease }: { key: string; lease: LeaseId }): void {
    if (!this.keys.get(lease)!.delete(key)) throw new Error(`${key} was not attached to ${lease}`);
  }
}

export class RecordingSink implements WatchSink {
  isWatched = true;
  readonly told: RevisionEvents[] = [];
  /** Revisions while nobody watched. */
  readonly quiet: MainRevision[] = [];

  passed(main: MainRevision): void {
    this.quiet.push(main);
  }

  notify(events: RevisionEvents): void {
    this.told.push(events);
  }

  reset(): void {
    this.told.length = 0;
  }
}

export interface OpenedStore {
  readonly store: Store;
  readonly buffered: BufferedBackend;
  readonly backend: Backend;
  readonly leases: FakeLeases;
  readonly sink: RecordingSink;
  /** Survives `close`: pass it on to open the store again. */
  readonly disk: MemoryDisk;
  close(): Promise<void>;
}

export interface OpenStoreOptions {
  readonly disk?: MemoryDisk;
  readonly leases?: FakeLeases;
  readonly buffer?: Partial<BufferedBackendOptions>;
  readonly store?: Partial<StoreOptions>;
}

/** A store over the memory engine, with the real clock. */
export async function openStore(options: OpenStoreOptions = {}): Promise<OpenedStore> {
  const disk = options.disk ?? new MemoryDisk();
  const backend = await createMemoryEngine({ disk }).open({ directory: "/store" });
  const onFault = (error: unknown): void => {
    throw error;
  };
  const buffered = new BufferedBackend({ backend, clock: nodeClock, onFault, ...options.buffer });
  const leases = options.leases ?? new FakeLeases();
  const sink = new RecordingSink();
  const store = await Store.open({
    backend: buffered,
    clock: nodeClock,
    leases,
    watchSink: sink,
    ...options.store,
  });
  const close = async (): Promise<void> => {
    await store.close();
    await buffered.close();
  };
  return { store, buffered, backend, leases, sink, disk, close };
}
