import { peerLimits } from "./limits.js";

/**
 * How long the streams between members may stand still (--raft-read-timeout, --raft-write-timeout).
 * All members of a cluster should have the same: each sends signs of life as often as its own read
 * time-out asks for.
 */
export interface StreamTimeouts {
  /** A stream on which nothing arrives for this long is given up. */
  readonly readMs: number;
  /** A write that the far end does not take for this long ends the stream. */
  readonly writeMs: number;
}

export const defaultStreamTimeouts: StreamTimeouts = {
  readMs: peerLimits.streamReadTimeoutMs,
  writeMs: peerLimits.streamWriteTimeoutMs,
};

/** Period of the link heartbeats. */
export function linkHeartbeatMs({ readMs }: StreamTimeouts): number {
  return Math.round(readMs / peerLimits.linkHeartbeatsPerReadTimeout);
}
