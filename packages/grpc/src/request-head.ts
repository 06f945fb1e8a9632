import { type FieldKind, fieldProblem, isValidValue, knownField } from "./field-rules.js";
import type { Refusal } from "./grpc-status.js";
import { parseGrpcTimeout } from "./grpc-timeout.js";
import type { FieldList } from "./hpack/decoder.js";
import { FieldMetadata } from "./metadata.js";
import type { MethodResolver } from "./method-resolver.js";
import { type Method, Status } from "./types.js";

/** How the messages of a call may be compressed. */
export type MessageEncoding = "identity" | "gzip";

/**
 * What a request's header block says, worked out once and shared by every call with the same block.
 * Exactly one of these holds: `malformed` is set; `refusal` is set; `method` is set; none is, and
 * the request is plain HTTP/2.
 */
export interface RequestHead {
  readonly httpMethod: string;
  readonly path: string;
  readonly authority: string;
  readonly metadata: FieldMetadata;
  /** Why the stream must be reset with PROTOCOL_ERROR, RFC 9113 8.1.1. */
  readonly malformed: string | undefined;
  readonly refusal: Refusal | undefined;
  readonly method: Method | undefined;
  /** Infinity without a grpc-timeout. */
  readonly timeoutMs: number;
  readonly encoding: MessageEncoding;
  /** Declared length of the body, or -1. */
  readonly contentLength: number;
}

interface HeadContext {
  readonly resolver: MethodResolver;
  /** Somebody answers requests that are not gRPC; otherwise they are refused with 415. */
  readonly servesPlain: boolean;
}

/**
 * Builds the head from decoded fields. A client whose deadlines differ from call to call sends a new
 * block each time, so this runs once a call for it: one pass over the fields, no copies.
 */
export function buildRequestHead(
  fields: FieldList,
  { resolver, servesPlain }: HeadContext,
): RequestHead {
  const found = readFields(fields);
  const head: Mutable<RequestHead> = {
    httpMethod: found.method ?? "",
    path: found.path ?? "",
    authority: found.authority ?? "",
    metadata: new FieldMetadata(fields, found.regularStart),
    malformed: found.malformed,
    refusal: undefined,
    method: undefined,
    timeoutMs: Number.POSITIVE_INFINITY,
    encoding: "identity",
    contentLength: found.contentLength,
  };
  // CONNECT has neither path nor scheme (RFC 9113 8.5); this server is no proxy.
  if (!found.method || !found.path || !found.scheme) {
    head.malformed ??= "missing pseudo-header field";
  }
  if (head.malformed !== undefined) return head;
  if (isGrpc(found.contentType)) readGrpcFields(head, found, resolver);
  else if (!servesPlain) head.refusal = refuseContentType(found.contentType);
  return head;
}

/** Why a trailer block is malformed, or undefined. */
export function checkTrailers(fields: FieldList): string | undefined {
  for (let i = 0; i < fields.length; i += 2) {
    const problem = fieldProblem(fields[i]!, fields[i + 1]!);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The fields that matter to the server itself. */
interface FoundFields {
  method: string | undefined;
  path: string | undefined;
  scheme: string | undefined;
  authority: string | undefined;
  contentType: string | undefined;
  contentLength: number;
  timeout: string | undefined;
  encoding: string | undefined;
  /** Index of the first field that is no pseudo-header. */
  regularStart: number;
  malformed: string | undefined;
}

function readFields(fields: FieldList): FoundFields {
  const found: FoundFields = {
    method: undefined,
    path: undefined,
    scheme: undefined,
    authority: undefined,
    contentType: undefined,
    contentLength: -1,
    timeout: undefined,
    encoding: undefined,
    regularStart: 0,
    malformed: undefined,
  };
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!;
    const value = fields[i + 1]!;
    const kind = knownField(name);
    if (i === found.regularStart && readPseudoField(found, kind, value)) {
      found.regularStart = i + 2;
      continue;
    }
    found.malformed ??= fieldProblem(name, value);
    readRegularField(found, kind, value);
  }
  return found;
}

/** @returns false for a field that is no pseudo-header, or one that repeats */
function readPseudoField(found: FoundFields, kind: FieldKind | undefined, value: string): boolean {
  switch (kind) {
    case "method":
    case "path":
    case "scheme":
    case "authority":
      // A repeated one is then met as a regular field, where its name is an error.
      if (found[kind] !== undefined) return false;
      found[kind] = value;
      if (!isValidValue(value)) found.malformed ??= kind;
      return true;
    default:
      return false;
  }
}

function readRegularField(found: FoundFields, kind: FieldKind | undefined, value: string): void {
  switch (kind) {
    case "contentType":
    case "timeout":
    case "encoding":
      found[kind] ??= value;
      return;
    case "contentLength": {
      const length = /^[0-9]{1,15}$/.test(value) ? Number(value) : -1;
      if (length < 0 || (found.contentLength >= 0 && found.contentLength !== length)) {
        found.malformed ??= "content-length";
      }
      found.contentLength = length;
      return;
    }
    default:
  }
}

function isGrpc(contentType: string | undefined): boolean {
  if (contentType === "application/grpc") return true;
  return contentType !== undefined && /^application\/grpc($|[+;])/i.test(contentType);
}

function refuseContentType(contentType: string | undefined): Refusal {
  return {
    code: Status.INVALID_ARGUMENT,
    message: `invalid gRPC request content-type ${JSON.stringify(contentType ?? "")}`,
    httpStatus: 415,
  };
}

/** Fills in what gRPC adds, https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
function readGrpcFields(
  head: Mutable<RequestHead>,
  { timeout, encoding }: FoundFields,
  resolver: MethodResolver,
): void {
  const timeoutMs = timeout === undefined ? Number.POSITIVE_INFINITY : parseGrpcTimeout(timeout);
  if (head.httpMethod !== "POST") {
    head.refusal = {
      code: Status.INTERNAL,
      message: `http2Server.operateHeaders parsed a :method field "${head.httpMethod}" which should be POST`,
      httpStatus: 405,
    };
  } else if (timeoutMs === undefined) {
    head.refusal = {
      code: Status.INTERNAL,
      message: `malformed grpc-timeout: ${JSON.stringify(timeout)}`,
      httpStatus: 200,
    };
  } else if (encoding && encoding !== "identity" && encoding !== "gzip") {
    head.refusal = {
      code: Status.UNIMPLEMENTED,
      message: `grpc: Decompressor is not installed for grpc-encoding ${JSON.stringify(encoding)}`,
      httpStatus: 200,
      fields: [["grpc-accept-encoding", "identity,gzip"]],
    };
  } else {
    head.timeoutMs = timeoutMs;
    if (encoding === "gzip") head.encoding = "gzip";
    head.method = resolver.resolve(head.path);
    if (head.method === undefined) head.refusal = resolver.refuse(head.path);
  }
}
