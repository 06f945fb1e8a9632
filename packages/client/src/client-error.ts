import { status as GrpcStatus, type ServiceError } from "@grpc/grpc-js";
import { messageOf } from "@kvorum/base";
import type { WatchResponse } from "./responses.js";

/** The names of gRPC's codes, "CLOSED" for a closed client, "OPTIONS" for options that clash. */
export type ClientErrorCode = Exclude<keyof typeof GrpcStatus, "OK"> | "CLOSED" | "OPTIONS";

export interface ClientErrorDetails {
  readonly cause?: unknown;
  /** gRPC's number; of a code that gRPC has not, 2 (unknown). */
  readonly grpcCode?: number;
  /** Of a watch whose start was compacted: the first revision that can still be watched. */
  readonly compactRevision?: number;
  /** Of a watch that the server ended: its last word. */
  readonly watchResponse?: WatchResponse;
  /** Whether the request surely did not reach a server. */
  readonly isUnsent?: boolean;
}

/**
 * What every call of the client throws. `message` is the server's text to the byte, such as
 * "etcdserver: mvcc: required revision has been compacted", or the client's own.
 */
export class ClientError extends Error {
  override readonly name = "ClientError";
  readonly code: ClientErrorCode;
  readonly grpcCode: number;
  readonly compactRevision: number | undefined;
  readonly watchResponse: WatchResponse | undefined;
  readonly isUnsent: boolean;

  constructor(code: ClientErrorCode, message: string, details: ClientErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.code = code;
    this.grpcCode = details.grpcCode ?? GrpcStatus.UNKNOWN;
    this.compactRevision = details.compactRevision;
    this.watchResponse = details.watchResponse;
    this.isUnsent = details.isUnsent ?? false;
  }
}

/** Texts of grpc-js for a call that failed before it was on any connection. */
const UNSENT = /^(No connection established|Name resolution failed|Channel has been shut down)/;

/** Node's message of a failed handshake: OpenSSL's, with addresses, source lines and a line break. */
const OPENSSL = /[0-9A-F]+:error:[0-9A-F]+:SSL routines:[^:]*:([^:]*):[^\n]*\n?/g;

/** The same failure as a ClientError. */
export function asClientError(cause: unknown): ClientError {
  if (cause instanceof ClientError) return cause;
  if (!isServiceError(cause)) {
    return new ClientError("UNKNOWN", messageOf(cause), {
      cause,
    });
  }
  const isUnsent = cause.code === GrpcStatus.UNAVAILABLE && UNSENT.test(cause.details);
  const isLate = cause.code === GrpcStatus.DEADLINE_EXCEEDED;
  const details = cause.details.replace(/ Resolution note: $/, "").replace(OPENSSL, "tls: $1");
  const message = isLate ? DEADLINE_TEXT : details;
  return new ClientError(codeName(cause.code), message, { cause, grpcCode: cause.code, isUnsent });
}

/** What a deadline that passed says in etcd's clients. */
const DEADLINE_TEXT = "context deadline exceeded";

export function deadlineError(cause: unknown): ClientError {
  const grpcCode = GrpcStatus.DEADLINE_EXCEEDED;
  return new ClientError("DEADLINE_EXCEEDED", DEADLINE_TEXT, { cause, grpcCode });
}

export function canceledError(cause?: unknown): ClientError {
  const grpcCode = GrpcStatus.CANCELLED;
  return new ClientError("CANCELLED", "context canceled", { cause, grpcCode });
}

export function closedError(): ClientError {
  return new ClientError("CLOSED", "the client is closed");
}

function codeName(code: number): ClientErrorCode {
  return (GrpcStatus[code] ?? "UNKNOWN") as ClientErrorCode;
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && "details" in error;
}
