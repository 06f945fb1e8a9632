import { varintSize, writeVarint } from "@kvorum/base";
import type { Entry, HardState } from "@kvorum/raft";
import { crc32c, crc32cOfRange } from "../crc32c.js";
import { encodeHardState, RecordType } from "./records.js";

const LENGTH_BYTES = 8;
/** The longest a checksum gets as a varint; 15 of 16 do. */
const CRC_BYTES_MAX = 5;
/** More than all that surrounds the data of one record or entry: frame, tags, varints, padding. */
const OVERHEAD_BYTES_MAX = 72;

/**
 * Encodes records into a batch buffer and carries the rolling checksum on. This is the hot path of
 * every write: an entry's bytes are read twice (checksum, copy) and nothing is allocated.
 */
export class RecordEncoder {
  #crc: number;
  #buffer: Buffer;
  #length = 0;

  /** @param crc what the log so far ends with */
  constructor(crc: number, buffer: Buffer) {
    this.#crc = crc;
    this.#buffer = buffer;
  }

  get crc(): number {
    return this.#crc;
  }

  get length(): number {
    return this.#length;
  }

  /** Goes on in another buffer, from its start. */
  startBatch(buffer: Buffer): void {
    this.#buffer = buffer;
    this.#length = 0;
  }

  /** What was encoded since the start of the batch: the buffer itself, to be cut at `length`. */
  get buffer(): Buffer {
    return this.#buffer;
  }

  /** Makes room once for all that follows, so that a batch is copied at most here. */
  reserve(entries: readonly Entry[]): void {
    let bytes = 2 * OVERHEAD_BYTES_MAX;
    for (let i = 0; i < entries.length; i++) bytes += entries[i]!.data.length + OVERHEAD_BYTES_MAX;
    this.#reserveBytes(bytes);
  }

  /** Needs `reserve` before. */
  entry(entry: Entry): void {
    const { data, term, index } = entry;
    const dataLength = data.length;
    const dataHead = dataLength === 0 ? 0 : 1 + varintSize(dataLength);
    const headLength = 4 + varintSize(term) + varintSize(index) + dataHead;
    const length = headLength + dataLength;

    // The checksum stands before the data it covers, and its size depends on its value: the
    // entry's head is written for the usual size and moved in the few other cases.
    const into = this.#buffer;
    const start = this.#length + LENGTH_BYTES + 3 + CRC_BYTES_MAX + 1 + varintSize(length);
    into[start] = 0x08;
    into[start + 1] = entry.type;
    into[start + 2] = 0x10;
    let at = writeVarint(into, start + 3, term);
    into[at++] = 0x18;
    at = writeVarint(into, at, index);
    if (dataLength > 0) {
      into[at++] = 0x22;
      at = writeVarint(into, at, dataLength);
    }
    let crc = crc32cOfRange(into, start, at, this.#crc);
    if (dataLength > 0) crc = crc32c(data, crc);
    const crcLength = varintSize(crc);
    const shift = CRC_BYTES_MAX - crcLength;
    if (shift > 0) into.copyWithin(start - shift, start, at);
    if (dataLength > 0) into.set(data, at - shift);
    this.#frame(RecordType.Entry, crc, length);
  }

  state(state: HardState): void {
    this.record(RecordType.State, encodeHardState(state));
  }

  /** Any record with data, on a cold path. */
  record(type: RecordType, data: Uint8Array): void {
    this.#reserveBytes(data.length + OVERHEAD_BYTES_MAX);
    const crc = crc32c(data, this.#crc);
    const crcLength = varintSize(crc);
    const start = this.#length + LENGTH_BYTES + 4 + crcLength + varintSize(data.length);
    this.#buffer.set(data, start);
    this.#frame(type, crc, data.length);
  }

  /** The first record of a file: repeats the checksum so far and takes no part in it. */
  crcRecord(): void {
    this.#reserveBytes(OVERHEAD_BYTES_MAX);
    this.#frame(RecordType.Crc, this.#crc, 0);
  }

  /** Writes what surrounds the data, which is in its place already, and closes the frame. */
  #frame(type: RecordType, crc: number, dataLength: number): void {
    const into = this.#buffer;
    const start = this.#length;
    let at = start + LENGTH_BYTES;
    into[at++] = 0x08;
    into[at++] = type;
    into[at++] = 0x10;
    at = writeVarint(into, at, crc);
    if (type !== RecordType.Crc) {
      into[at++] = 0x1a;
      at = writeVarint(into, at, dataLength) + dataLength;
    }
    const recordLength = at - start - LENGTH_BYTES;
    const padding = (8 - (recordLength % 8)) % 8;
    for (let i = 0; i < padding; i++) into[at++] = 0;
    into[start] = recordLength & 0xff;
    into[start + 1] = (recordLength >>> 8) & 0xff;
    into[start + 2] = (recordLength >>> 16) & 0xff;
    into[start + 3] = recordLength >>> 24;
    into[start + 4] = 0;
    into[start + 5] = 0;
    into[start + 6] = 0;
    into[start + 7] = padding === 0 ? 0 : 0x80 | padding;
    this.#length = at;
    this.#crc = crc;
  }

  #reserveBytes(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#buffer.length));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}
