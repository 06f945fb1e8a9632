import type { MemberOptions } from "../../member-options.js";
import { SnapStore, type SnapTimes } from "./snap-store.js";

/** The .snap files of a member, whose times fill their histograms. */
export function timedSnapStore(
  { fs, clock, metrics }: Pick<MemberOptions, "fs" | "clock" | "metrics">,
  directory: string,
): SnapStore {
  const { snapshotMarshal, snapshotSync, snapshotSave } = metrics.histograms;
  const saved = ({ encodeMs, syncMs }: SnapTimes) => {
    snapshotMarshal.observe(encodeMs / 1000);
    snapshotSync.observe(syncMs / 1000);
    snapshotSave.observe((encodeMs + syncMs) / 1000);
  };
  return new SnapStore({ fs, directory, timing: { clock, saved } });
}
