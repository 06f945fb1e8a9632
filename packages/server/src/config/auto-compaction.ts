import { goQuote } from "@kvorum/base";
import type { AutoCompaction } from "./config.js";
import { parseGoDuration } from "./go-text.js";

export interface ConfigProblem {
  readonly kind: "error";
  readonly message: string;
}

const HOUR_MS = 3_600_000;

/**
 * The meaning of --auto-compaction-retention in its mode: a bare number is hours or revisions, all
 * else a duration. In mode "revision" a duration counts its nanoseconds, as it does in etcd.
 */
export function readAutoCompaction(
  mode: string,
  retention: string,
): { readonly kind: "ok"; readonly value: AutoCompaction } | ConfigProblem {
  if (/^\+?\d+$/.test(retention)) {
    const number = Number(retention);
    return { kind: "ok", value: settle(mode, number, number * HOUR_MS) };
  }
  const nanoseconds = parseGoDuration(retention);
  if (nanoseconds === undefined) {
    const cause = `time: invalid duration ${goQuote(retention)}`;
    return { kind: "error", message: `error parsing CompactionRetention: ${cause}` };
  }
  return { kind: "ok", value: settle(mode, nanoseconds, nanoseconds / 1e6) };
}

function settle(mode: string, retentionRevisions: number, retentionMs: number): AutoCompaction {
  if (retentionRevisions <= 0) return { mode: "off" };
  return mode === "revision"
    ? { mode: "revision", retentionRevisions }
    : { mode: "periodic", retentionMs };
}
