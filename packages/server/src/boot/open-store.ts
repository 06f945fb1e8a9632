import type { HeaderEncoder } from "@kvorum/api";
import type { Backend } from "@kvorum/backends";
import type { Term } from "@kvorum/base";
import { BufferedBackend, Lessor, Store, WatchHub, type WatchSink } from "@kvorum/mvcc";
import { Alarms } from "../apply/alarms.js";
import type { MemberOptions } from "../member-options.js";

/** The store and all that stands on it. */
export interface OpenedStore {
  readonly buffered: BufferedBackend;
  readonly store: Store;
  readonly lessor: Lessor;
  readonly watchHub: WatchHub;
  readonly alarms: Alarms;
}

export interface OpenStoreOptions {
  readonly options: MemberOptions;
  readonly backend: Backend;
  readonly header: HeaderEncoder;
  /** Term of the last applied entry. */
  readonly term: () => Term;
  readonly beforeCommit: (
    put: (bucket: "meta", key: Uint8Array, value: Uint8Array) => void,
  ) => void;
  readonly afterCommit: (info: { readonly durationMs: number; readonly ops: number }) => void;
}

/** The shortest lease: three halves of the election time-out, in whole seconds, rounded up. */
export function minLeaseTtlSeconds(electionTimeoutMs: number, heartbeatIntervalMs: number): number {
  const electionTicks = Math.floor(electionTimeoutMs / heartbeatIntervalMs);
  return Math.ceil((Math.floor((3 * electionTicks) / 2) * heartbeatIntervalMs) / 1000);
}

/** Opens the engine's content: leases first, then keys (which attach to them), then alarms. */
export async function openStore(opening: OpenStoreOptions): Promise<OpenedStore> {
  const { options, backend, header, term } = opening;
  const { clock, logger } = options;
  const buffered = new BufferedBackend({
    backend,
    clock,
    commitIntervalMs: options.commitIntervalMs,
    commitOpsMax: options.commitOpsMax,
    beforeCommit: opening.beforeCommit,
    afterCommit: opening.afterCommit,
    onFault: options.onFault,
  });
  const lessor = new Lessor({
    store: buffered,
    clock,
    minTtlSeconds: minLeaseTtlSeconds(options.electionTimeoutMs, options.heartbeatIntervalMs),
  });
  await lessor.load();

  // The hub reads from the store and the store tells the hub: one of them is bound late.
  let hub: WatchHub | undefined;
  const watchSink: WatchSink = {
    notify: (events) => hub?.notify(events),
    reset: () => hub?.reset(),
  };
  const store = await Store.open({
    backend: buffered,
    clock,
    watchSink,
    leases: lessor,
    valueCacheBytes: options.valueCacheBytes,
    compactionBatchLimit: options.compactionBatchKeys,
    compactionSleepMs: options.compactionSleepMs,
  });
  hub = new WatchHub({
    source: store,
    clock,
    header: (revision) => header.encode(revision, term()),
    onError: (error) =>
      logger.warn("failed to read history for watchers", { error: String(error) }),
  });
  const alarms = new Alarms(buffered);
  await alarms.load();
  return { buffered, store, lessor, watchHub: hub, alarms };
}
