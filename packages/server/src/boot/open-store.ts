import type { HeaderEncoder } from "@kvorum/api";
import type { Backend } from "@kvorum/backends";
import { type LogIndex, type Term, utf8 } from "@kvorum/base";
import {
  BufferedBackend,
  Lessor,
  type LessorCounters,
  Store,
  type StoreCounters,
  WatchHub,
  type WatchSink,
} from "@kvorum/mvcc";
import { Alarms } from "../apply/alarms.js";
import { AuthStore } from "../auth/auth-store.js";
import { authLimits } from "../auth/limits.js";
import { openTokens } from "../auth/tokens/open-tokens.js";
import type { MemberOptions } from "../member-options.js";
import { storeTimings } from "../observe/store-timings.js";
import { minLeaseTtlSecondsOf } from "../timing.js";

const CLUSTER_VERSION_KEY = utf8("clusterVersion");

/**
 * The store and what stands on the same content. A snapshot from the leader replaces all but the
 * last three while the member runs: take them from here for each use, and never keep them.
 */
export interface OpenedStore {
  backend: Backend;
  buffered: BufferedBackend;
  store: Store;
  lessor: Lessor;
  readonly watchHub: WatchHub;
  readonly alarms: Alarms;
  readonly auth: AuthStore;
}

/** The part of an opened store that a snapshot replaces. */
type Content = Pick<OpenedStore, "backend" | "buffered" | "store" | "lessor">;

export interface OpenStoreOptions {
  readonly options: MemberOptions;
  readonly backend: Backend;
  readonly header: HeaderEncoder;
  /** Term of the last applied entry. */
  readonly term: () => Term;
  /** Index of the last applied entry. */
  readonly appliedIndex: () => LogIndex;
  readonly beforeCommit: (
    put: (bucket: "meta", key: Uint8Array, value: Uint8Array) => void,
  ) => void;
  readonly afterCommit: (info: { readonly durationMs: number; readonly ops: number }) => void;
}

/**
 * Opens the engine's content: leases first, then keys (which attach to them), then the rest. The
 * engine belongs to the store from then on, and is closed when its content can't be opened.
 * @throws BackendError | MvccError naming what is wrong with the content
 */
export async function openStore(opening: OpenStoreOptions): Promise<OpenedStore> {
  const { options, header, term } = opening;
  // The hub reads from the store and the store tells the hub: both are bound late.
  let hub: WatchHub | undefined;
  const watchSink: WatchSink = {
    get isWatched() {
      return hub?.isWatched ?? false;
    },
    passed: (main) => hub?.passed(main),
    notify: (events) => hub?.notify(events),
    reset: () => hub?.reset(),
  };
  const content = await openContent(opening, { backend: opening.backend, watchSink });
  const alarms = new Alarms();
  const auth = await orClosed(content.buffered, async () => {
    await alarms.load(content.buffered);
    return await openAuth(opening, content.buffered);
  });
  const watchHub = new WatchHub({
    source: {
      get currentRevision() {
        return opened.store.currentRevision;
      },
      get compactRevision() {
        return opened.store.compactRevision;
      },
      history: (from, revisionsMax) => opened.store.history(from, revisionsMax),
      keyValueAt: (key, main) => opened.store.keyValueAt(key, main),
    },
    clock: options.clock,
    header: (revision) => header.encode(revision, term()),
    onError: (error) =>
      options.logger.warn("failed to read history for watchers", { error: String(error) }),
  });
  const opened: OpenedStore = { ...content, watchHub, alarms, auth };
  hub = watchHub;
  return opened;
}

/**
 * Puts another engine's content in the place of the present one: for a snapshot from the leader.
 * Reads under way finish on the old content, which is closed behind them; watchers catch up from
 * the new.
 */
export async function replaceContent(
  opened: OpenedStore,
  opening: OpenStoreOptions,
  backend: Backend,
): Promise<void> {
  const { watchHub, alarms, auth } = opened;
  const { store, lessor, buffered } = opened;
  const counters = { store: store.counters, lessor: lessor.counters };
  const content = await openContent(opening, { backend, watchSink: watchHub, counters });
  const takeAuth = await auth.prepare(content.buffered);
  Object.assign(opened, content);
  takeAuth();
  // In the same turn: the revision has jumped, and watchers don't have what lies between yet.
  watchHub.reset();
  lessor.demote();
  await alarms.load(content.buffered);
  await store.close();
  await buffered.close();
}

function openAuth(opening: OpenStoreOptions, buffered: BufferedBackend): Promise<AuthStore> {
  const { clock, logger, auth } = opening.options;
  const { appliedIndex } = opening;
  const spec = auth?.tokens ?? { kind: "simple", ttlSeconds: authLimits.tokenTtlSeconds };
  const tokens = openTokens(spec, { clock, logger, appliedIndex });
  return AuthStore.open(buffered, { tokens, logger });
}

/** Whether all members know the record of a checkpoint: the cluster version is 3.6 or above. */
function isFrom36(buffered: BufferedBackend): boolean {
  const version = buffered.get("cluster", CLUSTER_VERSION_KEY);
  const [major = 0, minor = 0] = Buffer.from(version ?? [])
    .toString("utf8")
    .split(".")
    .map(Number);
  return major > 3 || (major === 3 && minor >= 6);
}

async function openContent(
  { options, beforeCommit, afterCommit }: OpenStoreOptions,
  {
    backend,
    watchSink,
    counters,
  }: {
    readonly backend: Backend;
    readonly watchSink: WatchSink;
    /** Of the content whose place this takes. */
    readonly counters?: { readonly store: StoreCounters; readonly lessor: LessorCounters };
  },
): Promise<Content> {
  const { clock, logger, metrics } = options;
  const buffered = new BufferedBackend({
    backend,
    clock,
    beforeCommit,
    afterCommit,
    commitIntervalMs: options.commitIntervalMs,
    commitOpsMax: options.commitOpsMax,
    onFault: options.onFault,
  });
  const lessor = new Lessor({
    store: buffered,
    clock,
    minTtlSeconds: minLeaseTtlSecondsOf(options),
    checkpointIntervalMs: options.leaseCheckpoints?.intervalMs,
    persistsCheckpoints: () => options.leaseCheckpoints?.persist === true || isFrom36(buffered),
    counters: counters?.lessor,
  });
  const store = await orClosed(buffered, async () => {
    await lessor.load();
    return await Store.open({
      backend: buffered,
      clock,
      watchSink,
      leases: lessor,
      valueCacheBytes: options.valueCacheBytes,
      compactionBatchLimit: options.compactionBatchKeys,
      compactionSleepMs: options.compactionSleepMs,
      counters: counters?.store,
      timings: storeTimings(metrics.histograms),
      log: (message, fields) => logger.info(message, fields),
    });
  });
  return { backend, buffered, store, lessor };
}

/** What `open` gives; when it fails, the engine is closed first. */
async function orClosed<Opened>(
  buffered: BufferedBackend,
  open: () => Promise<Opened>,
): Promise<Opened> {
  try {
    return await open();
  } catch (error) {
    // Of two errors the first says what is wrong.
    await buffered.close().catch(() => {});
    throw error;
  }
}
