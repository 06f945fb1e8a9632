import { Flag, FrameType } from "./frame.js";
import { writeFrameHeader } from "./frame-writer.js";
import { percentEncode } from "./grpc-status.js";
import { encodeFields, encodeIndexingField, encodeInteger, type Field } from "./hpack/encoder.js";
import type { Output } from "./output.js";

/** The smallest table that holds both entries below, RFC 7541 4.1, with room to spare. */
const TABLE_BYTES_MIN = 4096;

/**
 * Writes the header blocks of one connection's replies. The two that every successful call has are
 * encoded beforehand, and the two fields in them that are not in the static table are put into the
 * client's dynamic table by the first replies, so later ones cost one byte each way:
 *
 *     state  content-type  grpc-status: 0    next head adds    next OK trailers add
 *     0      -             -                 content-type      (a head comes first)
 *     1      index 62      -                                   grpc-status: 0
 *     2      index 63      index 62
 *
 * Nothing else is ever added, so nothing is ever evicted. A client that wants a smaller table gets
 * none: one size update to 0, then static and literal fields only.
 */
export class ResponseHeaders {
  #state: 0 | 1 | 2 = 0;
  #usesTable = true;
  #sizeUpdateDue = false;

  /** The client's SETTINGS_HEADER_TABLE_SIZE. */
  limitTable(tableBytes: number): void {
    if (tableBytes >= TABLE_BYTES_MIN || !this.#usesTable) return;
    this.#usesTable = false;
    this.#sizeUpdateDue = true;
  }

  /** HEADERS with ":status: 200" and the content type. */
  writeHead(output: Output, streamId: number): void {
    const templates = blockTemplates();
    let block = templates.head[this.#state]!;
    if (!this.#usesTable) block = templates.headLiteral;
    else if (this.#state === 0) this.#state = 1;
    this.#write(output, streamId, block, Flag.END_HEADERS);
  }

  /** Trailers with "grpc-status: 0", ending the stream; the head was written before. */
  writeTrailersOk(output: Output, streamId: number): void {
    const templates = blockTemplates();
    let block = templates.trailers[this.#state]!;
    if (!this.#usesTable) block = templates.trailersLiteral;
    else if (this.#state === 1) this.#state = 2;
    this.#write(output, streamId, block, Flag.END_HEADERS | Flag.END_STREAM);
  }

  /** Trailers with another status; also as the only header block of the stream ("trailers-only"). */
  writeTrailers(output: Output, streamId: number, fields: readonly Field[]): void {
    this.#write(output, streamId, encodeFields(fields), Flag.END_HEADERS | Flag.END_STREAM);
  }

  /** Any header block that does not end the stream. */
  writeFields(output: Output, streamId: number, fields: readonly Field[]): void {
    this.#write(output, streamId, encodeFields(fields), Flag.END_HEADERS);
  }

  #write(output: Output, streamId: number, fields: Buffer, flags: number): void {
    let block = fields;
    if (this.#sizeUpdateDue) {
      this.#sizeUpdateDue = false;
      block = Buffer.concat([encodeInteger(0x20, 5, 0), fields]);
    }
    writeFrameHeader(output, block.length, FrameType.HEADERS, flags, streamId);
    output.appendCopy(block, 0, block.length);
  }
}

/** Longest grpc-message sent, so that a trailer always fits one frame of the smallest size. */
const MESSAGE_CHARS_MAX = 8192;

export interface StatusFields {
  readonly code: number;
  readonly message: string;
  /** Undefined when the head was sent already, else the HTTP status of a trailers-only reply. */
  readonly httpStatus: number | undefined;
}

/** The fields of a status, in the order that grpc-go sends them in. */
export function statusFields({ code, message, httpStatus }: StatusFields): Field[] {
  const fields: Field[] = [];
  if (httpStatus !== undefined) {
    fields.push([":status", String(httpStatus)], CONTENT_TYPE);
  }
  fields.push(["grpc-status", String(code)]);
  if (message !== "") {
    fields.push(["grpc-message", percentEncode(message).slice(0, MESSAGE_CHARS_MAX)]);
  }
  return fields;
}

const STATUS_200: Field = [":status", "200"];
const CONTENT_TYPE: Field = ["content-type", "application/grpc"];
const STATUS_OK: Field = ["grpc-status", "0"];

interface BlockTemplates {
  readonly head: readonly Buffer[];
  readonly headLiteral: Buffer;
  readonly trailers: readonly Buffer[];
  readonly trailersLiteral: Buffer;
}

let templates: BlockTemplates | undefined;

function blockTemplates(): BlockTemplates {
  templates ??= {
    head: [
      Buffer.concat([encodeFields([STATUS_200]), encodeIndexingField(CONTENT_TYPE)]),
      Buffer.concat([encodeFields([STATUS_200]), encodeInteger(0x80, 7, 62)]),
      Buffer.concat([encodeFields([STATUS_200]), encodeInteger(0x80, 7, 63)]),
    ],
    headLiteral: encodeFields([STATUS_200, CONTENT_TYPE]),
    trailers: [
      encodeFields([STATUS_OK]),
      encodeIndexingField(STATUS_OK),
      encodeInteger(0x80, 7, 62),
    ],
    trailersLiteral: encodeFields([STATUS_OK]),
  };
  return templates;
}
