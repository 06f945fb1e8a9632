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

/** Builds the head from decoded fields. */
export function buildRequestHead(
  fields: FieldList,
  { resolver, servesPlain }: HeadContext,
): RequestHead {
  const pseudo = readPseudoFields(fields);
  const metadata = new FieldMetadata(fields.slice(pseudo.end));
  const contentLength = parseContentLength(metadata);
  const head: Mutable<RequestHead> = {
    httpMethod: pseudo.method,
    path: pseudo.path,
    authority: pseudo.authority,
    metadata,
    malformed:
      pseudo.malformed ??
      checkFields(fields, pseudo.end) ??
      (contentLength === undefined ? "content-length" : undefined),
    refusal: undefined,
    method: undefined,
    timeoutMs: Number.POSITIVE_INFINITY,
    encoding: "identity",
    contentLength: contentLength ?? -1,
  };
  if (head.malformed !== undefined) return head;
  const contentType = metadata.get("content-type");
  if (isGrpc(contentType)) readGrpcFields(head, resolver);
  else if (!servesPlain) head.refusal = refuseContentType(contentType);
  return head;
}

/** Why a trailer block is malformed, or undefined. */
export function checkTrailers(fields: FieldList): string | undefined {
  return checkFields(fields, 0);
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface PseudoFields {
  method: string;
  path: string;
  scheme: string;
  authority: string;
  /** Where the regular fields begin. */
  end: number;
  malformed: string | undefined;
}

function readPseudoFields(fields: FieldList): PseudoFields {
  const found = new Map<string, string>();
  let malformed: string | undefined;
  let end = 0;
  for (; end < fields.length && fields[end]!.startsWith(":"); end += 2) {
    const name = fields[end]!;
    if (!REQUEST_PSEUDO_FIELDS.has(name) || found.has(name)) malformed ??= name;
    found.set(name, fields[end + 1]!);
  }
  const method = found.get(":method") ?? "";
  const path = found.get(":path") ?? "";
  const scheme = found.get(":scheme") ?? "";
  // CONNECT has neither path nor scheme (RFC 9113 8.5); this server is no proxy.
  if (method === "" || path === "" || scheme === "") malformed ??= "missing pseudo-header field";
  return { method, path, scheme, authority: found.get(":authority") ?? "", end, malformed };
}

const REQUEST_PSEUDO_FIELDS: ReadonlySet<string> = new Set([
  ":method",
  ":path",
  ":scheme",
  ":authority",
]);

/** Fields about a connection, which HTTP/2 has no use for: RFC 9113 8.2.2. */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/** Lower-case names of printable ASCII without space, RFC 9113 8.2.1. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is sought.
const BAD_NAME = /[\x00-\x20A-Z:\x7f-\xff]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is sought.
const BAD_VALUE = /[\x00\r\n]/;

function checkFields(fields: FieldList, start: number): string | undefined {
  for (let i = start; i < fields.length; i += 2) {
    const name = fields[i]!;
    const value = fields[i + 1]!;
    if (name === "" || BAD_NAME.test(name)) return `field name ${JSON.stringify(name)}`;
    if (BAD_VALUE.test(value)) return `value of ${name}`;
    if (CONNECTION_FIELDS.has(name)) return name;
    if (name === "te" && value !== "trailers") return "te";
  }
  return undefined;
}

/** -1 when absent, undefined when malformed. */
function parseContentLength(metadata: FieldMetadata): number | undefined {
  const values = metadata.getAll("content-length");
  if (values.length === 0) return -1;
  if (!/^[0-9]{1,15}$/.test(values[0]!) || values.some((value) => value !== values[0])) {
    return undefined;
  }
  return Number(values[0]);
}

function isGrpc(contentType: string | undefined): boolean {
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
function readGrpcFields(head: Mutable<RequestHead>, resolver: MethodResolver): void {
  const timeout = head.metadata.get("grpc-timeout");
  const timeoutMs = timeout === undefined ? Number.POSITIVE_INFINITY : parseGrpcTimeout(timeout);
  const encoding = head.metadata.get("grpc-encoding") ?? "identity";
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
  } else if (encoding !== "identity" && encoding !== "gzip" && encoding !== "") {
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
