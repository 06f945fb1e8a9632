import type { RequestHead } from "./request-head.js";

interface CacheEntry {
  readonly block: Buffer;
  readonly tableVersion: number;
  readonly head: RequestHead;
}

/**
 * Remembers what header blocks of one connection mean. A block that leaves the dynamic table as it
 * is means the same as long as the table stays so, hence (bytes, table version) is the key. A
 * client repeats its requests' blocks byte for byte, so a request costs a hash and a comparison.
 * Direct-mapped: a slot holds the last block that hashed to it.
 */
export class HeaderBlockCache {
  readonly #slots: (CacheEntry | undefined)[];
  readonly #mask: number;
  readonly #blockBytesMax: number;

  /** @param entries a power of two */
  constructor(entries: number, blockBytesMax: number) {
    this.#slots = new Array<CacheEntry | undefined>(entries).fill(undefined);
    this.#mask = entries - 1;
    this.#blockBytesMax = blockBytesMax;
  }

  get(bytes: Buffer, start: number, end: number, tableVersion: number): RequestHead | undefined {
    if (end - start > this.#blockBytesMax) return undefined;
    const entry = this.#slots[hashBytes(bytes, start, end) & this.#mask];
    if (entry === undefined || entry.tableVersion !== tableVersion) return undefined;
    const { block } = entry;
    const length = end - start;
    if (block.length !== length) return undefined;
    for (let i = 0; i < length; i++) {
      if (block[i] !== bytes[start + i]) return undefined;
    }
    return entry.head;
  }

  /** Call only for a block whose decoding left the table at `tableVersion`. The bytes are copied. */
  set(
    bytes: Buffer,
    range: { readonly start: number; readonly end: number },
    tableVersion: number,
    head: RequestHead,
  ): void {
    const { start, end } = range;
    if (end - start > this.#blockBytesMax) return;
    this.#slots[hashBytes(bytes, start, end) & this.#mask] = {
      block: Buffer.from(bytes.subarray(start, end)),
      tableVersion,
      head,
    };
  }
}

/** FNV-1a, folded so that the low bits depend on every byte. */
function hashBytes(bytes: Buffer, start: number, end: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash ^ (hash >>> 15);
}
