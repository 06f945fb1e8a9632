import {
  type ClusterId,
  type MainRevision,
  type MemberId,
  type Term,
  varintSize,
} from "@kvorum/base";
import type {
  RawDeleteRangeResponse,
  RawPutResponse,
  RawRangeResponse,
  RawResponse,
  RawTxnResponse,
} from "../raw.js";
import { WireWriter } from "./wire-writer.js";

/**
 * Encodes the key-value replies, splicing the stored KeyValue bytes. Sizes are computed first, so
 * every length stands before its content and nothing is moved.
 */

/** The ResponseHeader of one member: its ids are encoded once. */
export class HeaderEncoder {
  readonly #ids: Buffer;
  readonly #writer = new WireWriter();

  constructor(options: { readonly clusterId: ClusterId; readonly memberId: MemberId }) {
    const writer = new WireWriter();
    writer.byte(0x08);
    writer.varintBigint(options.clusterId);
    writer.byte(0x10);
    writer.varintBigint(options.memberId);
    this.#ids = writer.toBytes();
  }

  /** Bytes of the header message. */
  size(revision: MainRevision, term: Term): number {
    return this.#ids.length + numberFieldSize(revision) + numberFieldSize(term);
  }

  /** The header message alone. */
  write(writer: WireWriter, revision: MainRevision, term: Term): void {
    writer.raw(this.#ids);
    writeNumberField(writer, 0x18, revision);
    writeNumberField(writer, 0x20, term);
  }

  /** The header message alone, in bytes of its own. */
  encode(revision: MainRevision, term: Term): Buffer {
    this.#writer.reset();
    this.write(this.#writer, revision, term);
    return this.#writer.toBytes();
  }
}

/** A reply with its full header (field 1), left in `writer`. */
export function writeResponse(
  writer: WireWriter,
  header: HeaderEncoder,
  term: Term,
  response: RawResponse,
): void {
  writer.reset();
  writer.reserve(bodySize(response) + 64);
  writer.byte(0x0a);
  writer.varint(header.size(response.revision, term));
  header.write(writer, response.revision, term);
  writeBody(writer, response);
}

/**
 * One message of a RangeStream, left in `writer`: the reply in field 1, with its header only when
 * `header` is given.
 */
export function writeRangeChunk(
  writer: WireWriter,
  response: RawRangeResponse,
  header?: { readonly encoder: HeaderEncoder; readonly term: Term },
): void {
  const headerSize = header === undefined ? 0 : header.encoder.size(response.revision, header.term);
  const size = bodySize(response) + (header === undefined ? 0 : delimitedSize(headerSize));
  writer.reset();
  writer.reserve(size + 64);
  writer.byte(0x0a);
  writer.varint(size);
  if (header !== undefined) {
    writer.byte(0x0a);
    writer.varint(headerSize);
    header.encoder.write(writer, response.revision, header.term);
  }
  writeBody(writer, response);
}

/** Field size of a number that is left out when 0; tags here are one byte. */
function numberFieldSize(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value);
}

function writeNumberField(writer: WireWriter, tag: number, value: number): void {
  if (value === 0) return;
  writer.byte(tag);
  writer.varint(value);
}

function delimitedSize(length: number): number {
  return 1 + varintSize(length) + length;
}

/** Bytes of all fields but the header. */
function bodySize(response: RawResponse): number {
  switch (response.kind) {
    case "range":
      return listSize(response.kvs) + (response.more ? 2 : 0) + numberFieldSize(response.count);
    case "put":
      return response.prevKv === undefined ? 0 : delimitedSize(response.prevKv.length);
    case "deleteRange":
      return numberFieldSize(response.deleted) + listSize(response.prevKvs);
    case "txn": {
      let size = response.succeeded ? 2 : 0;
      for (const inner of response.responses)
        size += delimitedSize(delimitedSize(innerSize(inner)));
      return size;
    }
  }
}

function listSize(items: readonly Uint8Array[]): number {
  let size = 0;
  for (let i = 0; i < items.length; i++) size += delimitedSize(items[i]!.length);
  return size;
}

function writeBody(writer: WireWriter, response: RawResponse): void {
  switch (response.kind) {
    case "range":
      writeRangeBody(writer, response);
      break;
    case "put":
      writePutBody(writer, response);
      break;
    case "deleteRange":
      writeDeleteRangeBody(writer, response);
      break;
    case "txn":
      writeTxnBody(writer, response);
      break;
  }
}

function writeRangeBody(writer: WireWriter, response: RawRangeResponse): void {
  writer.list(0x12, response.kvs);
  if (response.more) {
    writer.byte(0x18);
    writer.byte(1);
  }
  writeNumberField(writer, 0x20, response.count);
}

function writePutBody(writer: WireWriter, response: RawPutResponse): void {
  if (response.prevKv !== undefined) writer.delimited(0x12, response.prevKv);
}

function writeDeleteRangeBody(writer: WireWriter, response: RawDeleteRangeResponse): void {
  writeNumberField(writer, 0x10, response.deleted);
  writer.list(0x1a, response.prevKvs);
}

function writeTxnBody(writer: WireWriter, response: RawTxnResponse): void {
  if (response.succeeded) {
    writer.byte(0x10);
    writer.byte(1);
  }
  for (const inner of response.responses) {
    const headerSize = innerHeaderSize(inner);
    const size = delimitedSize(headerSize) + bodySize(inner);
    writer.byte(0x1a);
    writer.varint(delimitedSize(size));
    writer.byte(OP_TAG[inner.kind]);
    writer.varint(size);
    writer.byte(0x0a);
    writer.varint(headerSize);
    if (headerSize > 0) writeNumberField(writer, 0x18, inner.revision);
    writeBody(writer, inner);
  }
}

const OP_TAG = { range: 0x0a, put: 0x12, deleteRange: 0x1a, txn: 0x22 } as const;

/** A nested transaction's header is present and empty; the others' holds the revision alone. */
function innerHeaderSize(response: RawResponse): number {
  return response.kind === "txn" ? 0 : numberFieldSize(response.revision);
}

function innerSize(response: RawResponse): number {
  return delimitedSize(innerHeaderSize(response)) + bodySize(response);
}
