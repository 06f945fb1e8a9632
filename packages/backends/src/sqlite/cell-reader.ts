import { OverflowPages } from "./overflow-pages.js";
import type { PageFile } from "./page-file.js";
import { BLOB_KIND, type LocalSizes, OVERFLOW_HEADER_BYTES, readUint32 } from "./page-format.js";
import { readVarint, varintBytes } from "./varint.js";

/**
 * Finds key and value of a record in its cell, or in memory of its own if parts of it stand in
 * overflow pages. What was found stays until the next record, unless it is kept.
 */
export class CellReader {
  /** The value, with its checksum, follows the key. */
  bytes: Buffer = EMPTY;
  keyStart = 0;
  valueStart = 0;
  storedEnd = 0;
  readonly #pages: PageFile;
  readonly #sizes: LocalSizes;
  readonly #overflowBytes: number;
  #overflow: OverflowPages | undefined;
  /** For records that don't stand in their cells; one of them may be kept. */
  readonly #payloads: [Buffer, Buffer] = [EMPTY, EMPTY];
  #turn: 0 | 1 = 0;

  constructor(pages: PageFile, sizes: LocalSizes) {
    this.#pages = pages;
    this.#sizes = sizes;
    this.#overflowBytes = sizes.overflowBytes;
  }

  /**
   * Reads the payload whose size stands at `at` of page `number`, which ends at `pageEnd`.
   * @throws BackendError "CORRUPT"
   */
  read(
    bytes: Buffer,
    at: number,
    { pageEnd, number }: { readonly pageEnd: number; readonly number: number },
  ): void {
    const payloadBytes = readVarint(bytes, at);
    const start = at + varintBytes(payloadBytes);
    if (payloadBytes <= this.#sizes.whole) {
      const end = start + payloadBytes;
      if (end > pageEnd) throw this.#damaged(number);
      this.#split(bytes, { start, end, number });
      return;
    }
    const localEnd = start + this.#sizes.of(payloadBytes);
    if (!(localEnd + OVERFLOW_HEADER_BYTES <= pageEnd)) throw this.#damaged(number);
    const pages = Math.ceil((payloadBytes - (localEnd - start)) / this.#overflowBytes);
    if (pages > this.#pages.pageCount) throw this.#damaged(number);
    const payload = this.#memory(payloadBytes);
    bytes.copy(payload, 0, start, localEnd);
    this.#readOverflow(
      payload.subarray(localEnd - start, payloadBytes),
      readUint32(bytes, localEnd),
    );
    this.#split(payload, { start: 0, end: payloadBytes, number });
  }

  /** What was found stays until another record is kept. */
  keep(): void {
    this.#turn = this.#turn === 0 ? 1 : 0;
  }

  #readOverflow(target: Buffer, first: number): void {
    this.#overflow ??= new OverflowPages(this.#pages);
    const { bytes } = this.#overflow;
    let next = first;
    for (let at = 0; at < target.length; at += this.#overflowBytes) {
      const page = this.#overflow.find(next);
      const start = page + OVERFLOW_HEADER_BYTES;
      bytes.copy(target, at, start, start + Math.min(this.#overflowBytes, target.length - at));
      next = readUint32(bytes, page);
    }
  }

  #memory(bytes: number): Buffer {
    if (bytes > REUSED_BYTES_MAX) return Buffer.allocUnsafeSlow(bytes);
    if (this.#payloads[this.#turn].length < bytes) {
      this.#payloads[this.#turn] = Buffer.allocUnsafeSlow(Math.min(2 * bytes, REUSED_BYTES_MAX));
    }
    return this.#payloads[this.#turn];
  }

  /** Of a payload from `start` to `end`. */
  #split(
    bytes: Buffer,
    {
      start,
      end,
      number,
    }: { readonly start: number; readonly end: number; readonly number: number },
  ): void {
    const headerBytes = readVarint(bytes, start);
    const keyKindAt = start + varintBytes(headerBytes);
    const keyKind = readVarint(bytes, keyKindAt);
    const valueKindAt = keyKindAt + varintBytes(keyKind);
    const valueKind = readVarint(bytes, valueKindAt);
    const keyStart = valueKindAt + varintBytes(valueKind);
    const valueStart = keyStart + (keyKind - BLOB_KIND) / 2;
    const isRecord =
      keyStart === start + headerBytes &&
      keyKind >= BLOB_KIND &&
      keyKind % 2 === 0 &&
      valueKind >= BLOB_KIND &&
      valueKind % 2 === 0 &&
      valueStart + (valueKind - BLOB_KIND) / 2 === end;
    if (!isRecord) throw this.#damaged(number);
    this.bytes = bytes;
    this.keyStart = keyStart;
    this.valueStart = valueStart;
    this.storedEnd = end;
  }

  #damaged(number: number): Error {
    return this.#pages.damaged(number, "a record");
  }
}

const EMPTY = Buffer.alloc(0);
/** Memory of larger records is not kept. */
const REUSED_BYTES_MAX = 64 << 10;
