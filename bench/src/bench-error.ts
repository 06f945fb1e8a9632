export type BenchErrorCode =
  | "PROTOCOL" // the server broke HTTP/2, HPACK, gRPC or protobuf framing
  | "CONNECTION" // the server can't be reached, or went away
  | "SERVER" // a server that was to be started did not start or ended early
  | "CHECK" // a reply arrived and was wrong
  | "USAGE"; // a flag or value that means nothing here

export class BenchError extends Error {
  override readonly name = "BenchError";
  readonly code: BenchErrorCode;

  constructor(code: BenchErrorCode, message: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.code = code;
  }
}
