/**
 * A number or id with a meaning: a `Term` can't be passed where a `LogIndex` is wanted, while plain
 * literals and arithmetic results still can. Checked where values are decoded, not at each use.
 */
declare const meaning: unique symbol;
export type Flavor<Value, Name extends string> = Value & { readonly [meaning]?: Name };

/** Raft term; a safe integer. */
export type Term = Flavor<number, "Term">;
/** Index of an entry in the Raft log, from 1; 0 is "before the first". A safe integer. */
export type LogIndex = Flavor<number, "LogIndex">;
/** Main part of a revision: the number of the request that made it. A safe integer. */
export type MainRevision = Flavor<number, "MainRevision">;
/** Member id: an unsigned 64-bit hash; 0 is "none". */
export type MemberId = Flavor<bigint, "MemberId">;
/** Cluster id: an unsigned 64-bit hash. */
export type ClusterId = Flavor<bigint, "ClusterId">;
/** Lease id: a signed 64-bit number; 0 is "none". */
export type LeaseId = Flavor<bigint, "LeaseId">;
