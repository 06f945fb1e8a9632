import { assert } from "@kvorum/base";
import { limits } from "./limits.js";

/** Where a record stands: `bytes[start, end)`, of which `words` are the same memory. */
export interface RecordPlace {
  bytes: Buffer;
  words: Int32Array;
  /** A multiple of 4. */
  start: number;
  end: number;
}

interface Slab {
  readonly bytes: Buffer;
  readonly words: Int32Array;
}

/**
 * The memory of many records of about the same age, outside the heap:
 *
 *   slabs  | length (4) | record, padded to a multiple of 4 | length | ... |     64 KiB each
 *
 * A record is known by its address, a number: an object for each would cost as much as the record,
 * and the collector would copy it twice before it dies. `release` gives the slabs back to the pool,
 * to be written over; so nobody else may hold a view by then.
 */
export class RecordArena {
  readonly #pool: SlabPool;
  readonly #slabs: Slab[] = [];
  /** The slab that takes small records, and how much of it is used. */
  #current = 0;
  #used = SLAB_BYTES;
  readonly #place: RecordPlace = { bytes: EMPTY, words: NO_WORDS, start: 0, end: 0 };

  constructor(pool: SlabPool) {
    this.#pool = pool;
  }

  /** Room for a record of `length` bytes. @returns its address; `place` tells where to write it */
  reserve(length: number): number {
    const bytes = (HEAD_BYTES + length + 3) & -4;
    let index = this.#current;
    let at = 0;
    if (bytes > LARGE_BYTES) index = this.#slabs.push(createSlab(bytes)) - 1;
    else {
      if (this.#used + bytes > SLAB_BYTES) {
        index = this.#slabs.push(this.#pool.take()) - 1;
        this.#current = index;
        this.#used = 0;
      }
      at = this.#used;
      this.#used += bytes;
    }
    assert(index < SLABS_MAX, `more than ${SLABS_MAX} slabs of records`);
    this.#slabs[index]!.words[at >>> 2] = length;
    return index * SLAB_BYTES + at;
  }

  /** The object is reused: read it before the next call. */
  place(address: number): RecordPlace {
    const { bytes, words } = this.#slabs[address >>> SLAB_BITS]!;
    const at = address & (SLAB_BYTES - 1);
    const place = this.#place;
    place.bytes = bytes;
    place.words = words;
    place.start = at + HEAD_BYTES;
    place.end = at + HEAD_BYTES + words[at >>> 2]!;
    return place;
  }

  /** Valid until `settle` or `release`. */
  view(address: number): Buffer {
    const { bytes, start, end } = this.place(address);
    return bytes.subarray(start, end);
  }

  /** The caller's to keep. */
  copy(address: number): Buffer {
    const { bytes, start, end } = this.place(address);
    const copy = Buffer.allocUnsafe(end - start);
    bytes.copy(copy, 0, start, end);
    return copy;
  }

  /** No record will come any more: a slab that is largely empty goes back to the pool. */
  settle(): void {
    const slab = this.#slabs[this.#current];
    if (slab === undefined || this.#used * 2 > SLAB_BYTES) return;
    const exact = createSlab(this.#used);
    slab.bytes.copy(exact.bytes, 0, 0, this.#used);
    this.#slabs[this.#current] = exact;
    this.#used = SLAB_BYTES;
    this.#pool.giveBack(slab);
  }

  release(): void {
    for (const slab of this.#slabs) this.#pool.giveBack(slab);
    this.#slabs.length = 0;
    this.#used = SLAB_BYTES;
  }
}

/** Slabs that wait for their next use, a few megabytes of them. */
export class SlabPool {
  readonly #spare: Slab[] = [];

  /** Of undefined content. */
  take(): Slab {
    return this.#spare.pop() ?? createSlab(SLAB_BYTES);
  }

  giveBack(slab: Slab): void {
    if (slab.bytes.length !== SLAB_BYTES || this.#spare.length === limits.spareSlabsMax) return;
    this.#spare.push(slab);
  }
}

const SLAB_BITS = 16;
const SLAB_BYTES = 2 ** SLAB_BITS;
/** An address has 32 bits. */
const SLABS_MAX = 2 ** (32 - SLAB_BITS);
const HEAD_BYTES = 4;
/** Above this a piece of its own wastes less than the rest of a slab would. */
const LARGE_BYTES = 8 * 1024;
const EMPTY = Buffer.alloc(0);
const NO_WORDS = new Int32Array(0);

/** @param bytes a multiple of 4 */
function createSlab(bytes: number): Slab {
  const memory = Buffer.allocUnsafeSlow(bytes);
  return { bytes: memory, words: new Int32Array(memory.buffer, memory.byteOffset, bytes / 4) };
}
