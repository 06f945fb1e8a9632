import {
  type ApiError,
  type HeaderEncoder,
  type RawRangeResponse,
  type RawResponse,
  WireWriter,
  writeRangeChunk,
  writeResponse,
} from "@kvorum/api";
import type { MainRevision, Term } from "@kvorum/base";
import { Status, type StatusCode, type StreamCall, type UnaryCall } from "@kvorum/grpc";

/** A reply above this is given to the transport in bytes of its own instead of being copied by it. */
const COPIED_BYTES_MAX = 16 * 1024;

/**
 * Encodes replies with this member's header. One writer serves every call: a reply is encoded and
 * handed over in one step.
 */
export class Replier {
  readonly #writer = new WireWriter();
  readonly #header: HeaderEncoder;
  readonly #term: () => Term;
  readonly #revision: () => MainRevision;

  /**
   * @param options.term term of the last applied entry
   * @param options.revision the store's current revision, for headers that carry no other
   */
  constructor(options: {
    readonly header: HeaderEncoder;
    readonly term: () => Term;
    readonly revision: () => MainRevision;
  }) {
    this.#header = options.header;
    this.#term = options.term;
    this.#revision = options.revision;
  }

  /** Ends a call with a key-value reply. */
  respond(call: UnaryCall, response: RawResponse): void {
    const writer = this.#writer;
    writeResponse(writer, this.#header, this.#term(), response);
    if (writer.length <= COPIED_BYTES_MAX) call.respondCopy(writer.buffer, writer.length);
    else call.respond(writer.take());
  }

  /**
   * Sends one message of a RangeStream, the last one with the header.
   * @returns false when the sender should wait for the client
   */
  sendChunk(call: StreamCall, response: RawRangeResponse, isLast: boolean): boolean {
    const writer = this.#writer;
    const header = isLast ? { encoder: this.#header, term: this.#term() } : undefined;
    writeRangeChunk(writer, response, header);
    return call.write(writer.take());
  }

  /**
   * A message whose field 1 is the header: `body` is the encoded message without it.
   * @param revision of the header; the store's current one when left out, none when 0
   */
  withHeader(body: Uint8Array, revision: MainRevision = this.#revision()): Buffer {
    const writer = this.#writer;
    const term = this.#term();
    writer.reset();
    writer.byte(0x0a);
    writer.varint(this.#header.size(revision, term));
    this.#header.write(writer, revision, term);
    writer.raw(body);
    return writer.toBytes();
  }

  /** The store's revision now. */
  currentRevision(): MainRevision {
    return this.#revision();
  }

  /** The header message alone. */
  header(revision: MainRevision = this.#revision()): Buffer {
    return this.#header.encode(revision, this.#term());
  }
}

export function fail(
  call: { fail(code: StatusCode, message: string): void },
  error: ApiError,
): void {
  call.fail(error.code as StatusCode, error.message);
}

/** The status of a request message that is no valid protobuf. */
export function failUndecodable(
  call: { fail(code: StatusCode, message: string): void },
  error: unknown,
): void {
  const reason = error instanceof Error ? error.message : String(error);
  call.fail(Status.INTERNAL, `grpc: error unmarshalling request: ${reason}`);
}
