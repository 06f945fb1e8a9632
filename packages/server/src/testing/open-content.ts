import { HeaderEncoder } from "@kvorum/api";
import { createMemoryEngine, MemoryDisk } from "@kvorum/backends";
import type { Clock } from "@kvorum/base";
import { type OpenedStore, type OpenStoreOptions, openStore } from "../boot/open-store.js";
import type { MemberOptions } from "../member-options.js";
import { createServerHistograms } from "../observe/server-histograms.js";

/** A store with all that stands on it, over a memory engine. */
export async function openContent(clock: Clock, disk = new MemoryDisk()): Promise<OpenedStore> {
  return openStore(await openingOf(clock, disk));
}

/** What opens the content of a disk of memory. */
export async function openingOf(clock: Clock, disk: MemoryDisk): Promise<OpenStoreOptions> {
  const engine = createMemoryEngine({ disk });
  const quiet = () => {};
  const metrics = { histograms: createServerHistograms().histograms };
  const options: Partial<MemberOptions> = {
    metrics: metrics as MemberOptions["metrics"],
    ...{ clock, electionTimeoutMs: 1_000, heartbeatIntervalMs: 100 },
    ...{ commitIntervalMs: 1, commitOpsMax: 1_000, valueCacheBytes: 10_000 },
    ...{ compactionBatchKeys: 100, compactionSleepMs: 1 },
    logger: { debug: quiet, info: quiet, warn: quiet, error: quiet, fatal: quiet },
    onFault: (error) => {
      throw error;
    },
  };
  return {
    options: options as MemberOptions,
    backend: await engine.open({ directory: "/test" }),
    header: new HeaderEncoder({ clusterId: 1n, memberId: 1n }),
    term: () => 1,
    appliedIndex: () => 0,
    beforeCommit: quiet,
    afterCommit: quiet,
  };
}
