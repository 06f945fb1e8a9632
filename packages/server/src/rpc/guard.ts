// Step 2 of the write path: what every call passes before its handler.
import { ApiError, apiError, WireError } from "@kvorum/api";
import type { Method, MethodTable, StreamCall, UnaryCall } from "@kvorum/grpc";
import { fail, failUndecodable } from "./reply.js";

/** Facts about this member that decide whether a call may be served. */
export interface Standing {
  isLearner(): boolean;
  hasLeader(): boolean;
  /** Streams that asked for a leader and must end when it is lost. */
  readonly leaderStreams: Set<StreamCall>;
}

/** A learner serves these unary calls (Range only when serializable, checked by its handler). */
const LEARNER_METHODS: ReadonlySet<string> = new Set([
  "/etcdserverpb.Maintenance/Status",
  "/etcdserverpb.Maintenance/Snapshot",
  "/etcdserverpb.KV/Range",
]);

/**
 * Wraps every method: a learner's refusal, the client's demand for a leader, and the mapping of what
 * a handler throws. An error that is none of the API's is a broken invariant and ends the process.
 */
export function guardMethods(methods: Iterable<[string, Method]>, standing: Standing): MethodTable {
  const table = new Map<string, Method>();
  for (const [path, method] of methods) {
    const allowedOnLearner = LEARNER_METHODS.has(path);
    table.set(
      path,
      method.kind === "unary"
        ? { kind: "unary", handle: guardUnary(method.handle, standing, allowedOnLearner) }
        : { kind: "stream", open: guardStream(method.open, standing, allowedOnLearner) },
    );
  }
  return table;
}

function guardUnary(
  handle: (call: UnaryCall, message: Buffer) => void,
  standing: Standing,
  allowedOnLearner: boolean,
): (call: UnaryCall, message: Buffer) => void {
  return (call, message) => {
    try {
      if (!allowedOnLearner && standing.isLearner()) throw apiError("notSupportedForLearner");
      if (call.metadata.get("hasleader") === "true" && !standing.hasLeader()) {
        throw apiError("noLeader");
      }
      handle(call, message);
    } catch (error) {
      failWith(call, error);
    }
  };
}

function guardStream(
  open: (call: StreamCall) => void,
  standing: Standing,
  allowedOnLearner: boolean,
): (call: StreamCall) => void {
  return (call) => {
    try {
      if (!allowedOnLearner && standing.isLearner()) throw apiError("notSupportedForLearner");
      if (call.metadata.get("hasleader") === "true") {
        if (!standing.hasLeader()) throw apiError("noLeader");
        standing.leaderStreams.add(call);
      }
      open(call);
    } catch (error) {
      failWith(call, error);
    }
  };
}

/** Ends a call with what its handler threw. */
export function failWith(call: UnaryCall | StreamCall, error: unknown): void {
  if (error instanceof ApiError) fail(call, error);
  else if (isUndecodable(error)) failUndecodable(call, error);
  else throw error;
}

/** Our reader's error, or one of the generated decoders', which throw plain errors and RangeErrors. */
function isUndecodable(error: unknown): boolean {
  if (error instanceof WireError) return true;
  if (!(error instanceof Error)) return false;
  return (
    error instanceof RangeError ||
    /^(premature EOF|invalid (varint|wire type|field|tag|end group)|cant skip|protobuf decode|illegal tag)/.test(
      error.message,
    )
  );
}
