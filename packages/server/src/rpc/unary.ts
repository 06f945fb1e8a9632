import type { Method, UnaryCall } from "@kvorum/grpc";

/** A unary method. */
export function unary(handle: (call: UnaryCall, message: Buffer) => void): Method {
  return { kind: "unary", handle };
}
