import type { RawKeyValue } from "@kvorum/api";
import { varintSize, writeVarint } from "@kvorum/base";
import type { MessageSource } from "@kvorum/grpc";

/** A length of 4 GiB and more is no message's. */
const FIELD_HEAD_BYTES_MAX = 6;

/**
 * The list `kvs` of a range's reply, each record behind tag and length. Records are copied once,
 * when there is room in the output:
 *
 *     | 12 length record | 12 length rec        first call
 *     ord | 12 length record | 12 length ...    next call
 */
export class RecordsSource implements MessageSource {
  readonly length: number;
  readonly #records: readonly RawKeyValue[];
  /** The first record of which something is left. */
  #next = 0;
  /** Bytes of it, with its head, that are gone already. */
  #gone = 0;

  /** @param records stored bytes, which nobody changes */
  constructor(records: readonly RawKeyValue[]) {
    this.#records = records;
    let length = 0;
    for (let i = 0; i < records.length; i++) length += fieldBytes(records[i]!);
    this.length = length;
  }

  copyNext(into: Uint8Array, at: number, count: number): void {
    const records = this.#records;
    const end = at + count;
    let offset = this.#gone === 0 ? at : this.#copyPart(into, at, end);
    while (offset < end) {
      const record = records[this.#next]!;
      // No record that may not fit in whole is written past the room.
      if (offset + FIELD_HEAD_BYTES_MAX + record.length > end) {
        offset = this.#copyPart(into, offset, end);
        continue;
      }
      offset = writeHead(into, offset, record.length);
      into.set(record, offset);
      offset += record.length;
      this.#next++;
    }
  }

  /** What is left of a record, as far as there is room. @returns where it ends */
  #copyPart(into: Uint8Array, at: number, end: number): number {
    const record = this.#records[this.#next]!;
    const headBytes = writeHead(head, 0, record.length);
    let offset = at;
    while (offset < end && this.#gone < headBytes) into[offset++] = head[this.#gone++]!;
    const from = this.#gone - headBytes;
    const count = Math.min(end - offset, record.length - from);
    if (count > 0) {
      into.set(record.subarray(from, from + count), offset);
      this.#gone += count;
    }
    if (this.#gone === headBytes + record.length) {
      this.#gone = 0;
      this.#next++;
    }
    return offset + Math.max(0, count);
  }
}

/** Whether the list is longer than `bytes`, found without looking at all of a long one. */
export function isLongerThan(bytes: number, records: readonly RawKeyValue[]): boolean {
  let length = 0;
  for (let i = 0; i < records.length && length <= bytes; i++) length += fieldBytes(records[i]!);
  return length > bytes;
}

const head = new Uint8Array(FIELD_HEAD_BYTES_MAX);

function fieldBytes(record: RawKeyValue): number {
  return 1 + varintSize(record.length) + record.length;
}

function writeHead(into: Uint8Array, at: number, length: number): number {
  into[at] = 0x12;
  return writeVarint(into, at + 1, length);
}
