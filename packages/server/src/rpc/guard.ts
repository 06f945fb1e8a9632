// Step 2 of the write path: what every call passes before its handler.
import { ApiError, apiError, decodeMessage, etcdserverpb, WireError } from "@kvorum/api";
import type { Clock } from "@kvorum/base";
import type { Method, MethodTable, StreamCall, UnaryCall } from "@kvorum/grpc";
import type { CallFigures } from "./call-figures.js";
import type { OpenStreams } from "./open-streams.js";
import { fail, failUndecodable } from "./reply.js";

/** Facts about this member that decide whether a call may be served. */
export interface Standing {
  isLearner(): boolean;
  hasLeader(): boolean;
  readonly openStreams: OpenStreams;
}

const RANGE = "/etcdserverpb.KV/Range";

/** A learner serves these unary calls, Range only when serializable. */
const LEARNER_METHODS: ReadonlySet<string> = new Set([
  "/etcdserverpb.Maintenance/Status",
  "/etcdserverpb.Maintenance/Snapshot",
  RANGE,
]);

export interface GuardOptions {
  readonly standing: Standing;
  readonly calls: CallFigures;
  readonly clock: Clock;
}

/**
 * Wraps every method: its counters, a learner's refusal, the client's version and its demand for a
 * leader, and the mapping of what a handler throws. An error that is none of the API's is a broken
 * invariant and ends the process.
 */
export function guardMethods(
  methods: Iterable<[string, Method]>,
  options: GuardOptions,
): MethodTable {
  const table = new Map<string, Method>();
  for (const [path, method] of methods) table.set(path, guard(path, method, options));
  return table;
}

function guard(path: string, method: Method, options: GuardOptions): Method {
  const { standing, calls, clock } = options;
  const allowedOnLearner = LEARNER_METHODS.has(path);
  const observer = calls.observerOf(path, method.kind);
  const check = (call: UnaryCall | StreamCall): boolean => {
    const { metadata } = call;
    observer.begun(metadata.get("client-api-version"));
    if (!allowedOnLearner && standing.isLearner()) throw apiError("notSupportedForLearner");
    const needsLeader = metadata.get("hasleader") === "true";
    if (needsLeader && !standing.hasLeader()) throw apiError("noLeader");
    return needsLeader;
  };
  if (method.kind === "unary") {
    const { handle } = method;
    return {
      kind: "unary",
      observer,
      handle: (call, message) => {
        call.startMs = clock.nowMs();
        try {
          check(call);
          if (path === RANGE && standing.isLearner() && !isSerializable(message)) {
            throw apiError("notSupportedForLearner");
          }
          handle(call, message);
        } catch (error) {
          failWith(call, error);
        }
      },
    };
  }
  const { open } = method;
  return {
    kind: "stream",
    observer: {
      received: () => observer.received(),
      sent: (count) => observer.sent(count),
      ended: (call, code) => {
        standing.openStreams.delete(call as StreamCall);
        observer.ended(call, code);
      },
    },
    open: (call) => {
      call.startMs = clock.nowMs();
      try {
        standing.openStreams.add(call, { needsLeader: check(call) });
        open(call);
      } catch (error) {
        failWith(call, error);
      }
    },
  };
}

function isSerializable(message: Buffer): boolean {
  return decodeMessage(etcdserverpb.RangeRequest, message).serializable;
}

/** Ends a call with what its handler threw. */
export function failWith(call: UnaryCall | StreamCall, error: unknown): void {
  if (error instanceof ApiError) fail(call, error);
  else if (error instanceof WireError) failUndecodable(call, error);
  else throw error;
}
