import type { StoreTimings } from "@kvorum/mvcc";
import type { ServerHistograms } from "./server-histograms.js";

/** Fills the histograms of the store's longer work. */
export function storeTimings(histograms: ServerHistograms): StoreTimings {
  return {
    indexCompactionPiece: (tookMs) => histograms.indexCompactionPauseMs.observe(tookMs),
    compactionSlice: (tookMs) => histograms.compactionPauseMs.observe(tookMs),
    compaction: (tookMs) => histograms.compactionTotalMs.observe(tookMs),
    hash: (tookMs) => histograms.hash.observe(tookMs / 1000),
    hashByRevision: (tookMs) => histograms.hashByRevision.observe(tookMs / 1000),
  };
}
