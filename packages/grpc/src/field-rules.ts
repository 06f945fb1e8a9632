/** The fields that the server knows by name. "forbidden" ones have no place in HTTP/2. */
export type FieldKind =
  | "method"
  | "path"
  | "scheme"
  | "authority"
  | "contentType"
  | "contentLength"
  | "timeout"
  | "encoding"
  | "te"
  | "valid"
  | "forbidden";

const KNOWN: ReadonlyMap<string, FieldKind> = new Map<string, FieldKind>([
  [":method", "method"],
  [":path", "path"],
  [":scheme", "scheme"],
  [":authority", "authority"],
  ["content-type", "contentType"],
  ["content-length", "contentLength"],
  ["grpc-timeout", "timeout"],
  ["grpc-encoding", "encoding"],
  ["te", "te"],
  // Names that most requests have, so that they need no check of their characters.
  ["user-agent", "valid"],
  ["token", "valid"],
  ["hasleader", "valid"],
  ["client-api-version", "valid"],
  ["grpc-accept-encoding", "valid"],
  // Fields about a connection: RFC 9113 8.2.2.
  ["connection", "forbidden"],
  ["keep-alive", "forbidden"],
  ["proxy-connection", "forbidden"],
  ["transfer-encoding", "forbidden"],
  ["upgrade", "forbidden"],
]);

export function knownField(name: string): FieldKind | undefined {
  return KNOWN.get(name);
}

/** What a field name may not have: control characters, space, upper case, ":" (RFC 9113 8.2.1). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is sought.
const BAD_NAME = /[\x00-\x20A-Z:\x7f-\xff]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is sought.
const BAD_VALUE = /[\x00\r\n]/;

/** A value may be anything but these, RFC 9113 8.2.1. */
export function isValidValue(value: string): boolean {
  return !BAD_VALUE.test(value);
}

/** Why a regular field makes its request malformed, or undefined. */
export function fieldProblem(name: string, value: string): string | undefined {
  if (!isValidValue(value)) return `value of ${name}`;
  switch (KNOWN.get(name)) {
    case undefined:
      return name === "" || BAD_NAME.test(name) ? `field name ${JSON.stringify(name)}` : undefined;
    case "te":
      return value === "trailers" ? undefined : "te";
    case "method":
    case "path":
    case "scheme":
    case "authority":
    case "forbidden":
      return name;
    default:
      return undefined;
  }
}
