import type { Field } from "./hpack/encoder.js";
import type { StatusCode } from "./types.js";

/**
 * Bytes that stand for themselves in grpc-message: printable ASCII but "%".
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Percent-Encoded"
 */
const NEEDS_ESCAPE = /[^\x20-\x24\x26-\x7e]/;

/** The value of grpc-message: UTF-8, percent-encoded. */
export function percentEncode(message: string): string {
  if (!NEEDS_ESCAPE.test(message)) return message;
  let encoded = "";
  for (const byte of Buffer.from(message, "utf8")) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += isPlain
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

/** A status that the transport itself answers a call with. */
export interface Refusal {
  readonly code: StatusCode;
  readonly message: string;
  /** The HTTP status beside it; 200 but for requests that are not gRPC. */
  readonly httpStatus: number;
  /** Further fields of the reply. */
  readonly fields?: readonly Field[];
}
