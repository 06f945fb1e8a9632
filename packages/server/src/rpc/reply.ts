import {
  type ApiError,
  type HeaderEncoder,
  type RawRangeResponse,
  type RawResponse,
  WireWriter,
  writeRangeChunk,
  writeResponse,
} from "@kvorum/api";
import { type MainRevision, messageOf, type Term, varintSize } from "@kvorum/base";
import {
  type SplicedMessage,
  Status,
  type StatusCode,
  type StreamCall,
  type UnaryCall,
} from "@kvorum/grpc";
import type { LatestRecord } from "@kvorum/mvcc";
import { isLongerThan, RecordsSource } from "./records-source.js";

/**
 * A reply above this is given to the transport in bytes of its own instead of being copied by it,
 * and the records of a range above it are copied while they are sent.
 */
const COPIED_BYTES_MAX = 16 * 1024;

/**
 * Encodes replies with this member's header. One writer serves every call: a reply is encoded and
 * handed over in one step.
 */
export class Replier {
  readonly #writer = new WireWriter();
  readonly #recordReply = new RecordReply();
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
    if (response.kind === "range" && isLongerThan(COPIED_BYTES_MAX, response.kvs)) {
      this.#respondRecords(call, response);
      return;
    }
    const writer = this.#writer;
    writeResponse(writer, this.#header, this.#term(), response);
    if (writer.length <= COPIED_BYTES_MAX) call.respondCopy(writer.buffer, writer.length);
    else call.respond(writer.take());
  }

  #respondRecords(call: UnaryCall, response: RawRangeResponse): void {
    const writer = this.#writer;
    const term = this.#term();
    writeResponse(writer, this.#header, term, { ...response, kvs: [] });
    const around = writer.toBytes();
    const headerBytes = this.#header.size(response.revision, term);
    const kvsStart = 1 + varintSize(headerBytes) + headerBytes;
    call.respondParts([
      around.subarray(0, kvsStart),
      new RecordsSource(response.kvs),
      around.subarray(kvsStart),
    ]);
  }

  /**
   * Ends a range of one key with its record, which is copied, or with none. The header's bytes are
   * made once a revision.
   */
  respondRecord(call: UnaryCall, revision: MainRevision, record: LatestRecord | undefined): void {
    const reply = this.#recordReply;
    const term = this.#term();
    if (reply.revision !== revision || reply.term !== term) {
      reply.setHeader(this.#header, revision, term);
    }
    if (record === undefined) {
      call.respondCopy(reply.head, reply.headerBytes);
      return;
    }
    reply.setRecord(record);
    call.respondSpliced(reply);
  }

  /**
   * Sends one message of a RangeStream, the last one with the header.
   * @returns false when the sender should wait for the client
   */
  sendChunk(call: StreamCall, response: RawRangeResponse, isLast: boolean): boolean {
    const writer = this.#writer;
    if (!isLast && isLongerThan(COPIED_BYTES_MAX, response.kvs)) {
      // It is nothing but the list, in field 1 of the message.
      const records = new RecordsSource(response.kvs);
      writer.reset();
      writer.byte(0x0a);
      writer.varint(records.length);
      return call.writeParts([writer.toBytes(), records]);
    }
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

const NO_BYTES = Buffer.alloc(0);

/**
 * The reply to a range that found one key, in pieces:
 *
 *     0a length header | 12 length        record        20 01 (the count)
 *     head                                body          tail
 */
class RecordReply implements SplicedMessage {
  readonly #writer = new WireWriter();
  readonly tail = Buffer.from([0x20, 1]);
  revision: MainRevision = -1;
  term: Term = -1;
  headerBytes = 0;
  headBytes = 0;
  body: Uint8Array = NO_BYTES;
  bodyStart = 0;
  bodyEnd = 0;

  get head(): Buffer {
    return this.#writer.buffer;
  }

  setHeader(header: HeaderEncoder, revision: MainRevision, term: Term): void {
    const writer = this.#writer;
    writer.reset();
    writer.byte(0x0a);
    writer.varint(header.size(revision, term));
    header.write(writer, revision, term);
    this.headerBytes = writer.length;
    this.revision = revision;
    this.term = term;
  }

  setRecord({ bytes, start, end }: LatestRecord): void {
    const writer = this.#writer;
    writer.length = this.headerBytes;
    writer.byte(0x12);
    writer.varint(end - start);
    this.headBytes = writer.length;
    this.body = bytes;
    this.bodyStart = start;
    this.bodyEnd = end;
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
  const reason = messageOf(error);
  call.fail(Status.INTERNAL, `grpc: error unmarshalling request: ${reason}`);
}
