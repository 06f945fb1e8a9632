import { serverLimits } from "./limits.js";

/** The two flags of consensus that other periods follow from. */
export interface RaftTiming {
  /** One tick. */
  readonly heartbeatIntervalMs: number;
  readonly electionTimeoutMs: number;
}

/** The election time-out in whole ticks, as the core counts it. */
export function electionTicksOf({ heartbeatIntervalMs, electionTimeoutMs }: RaftTiming): number {
  return Math.floor(electionTimeoutMs / heartbeatIntervalMs);
}

/**
 * How long a request may wait for consensus, in ms: a proposal, a linearizable read, a question to
 * another member. The base is for queues and disks; within two election time-outs a lost leader is
 * noticed and another elected. Source: etcd ServerConfig.ReqTimeout.
 */
export function requestTimeoutMsOf(timing: RaftTiming): number {
  const electionMs = electionTicksOf(timing) * timing.heartbeatIntervalMs;
  return serverLimits.requestTimeoutBaseMs + 2 * electionMs;
}

/**
 * The shortest lease: three halves of the election time-out, in whole seconds, rounded up.
 * Source: etcd NewServer, minTTL.
 */
export function minLeaseTtlSecondsOf(timing: RaftTiming): number {
  const ticks = Math.floor((3 * electionTicksOf(timing)) / 2);
  return Math.ceil((ticks * timing.heartbeatIntervalMs) / 1000);
}
