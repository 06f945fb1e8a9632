import type { ScanBatch } from "@kvorum/backends";
import { asBuffer } from "@kvorum/base";
import { isTombstoneKeyBytes, revisionKeyMain, revisionKeySub } from "./revision-key.js";

/**
 * The records of one batch, one at a time and by their positions: an object for
 * each key and each value would cost more than the rest of a scan, so none is made where the engine
 * hands its records over packed.
 */
export class BatchCursor {
  readonly count: number;
  /** What `keyStart` and `keyEnd` point into; for a packed batch the same as `recordBytes`. */
  keyBytes: Buffer = EMPTY;
  keyStart = 0;
  keyEnd = 0;
  /** What `recordStart` and `recordEnd` point into. Memory of the whole batch: copy what stays. */
  recordBytes: Buffer = EMPTY;
  recordStart = 0;
  recordEnd = 0;
  readonly #batch: ScanBatch;
  readonly #bounds: Uint32Array | undefined;

  constructor(batch: ScanBatch) {
    this.#batch = batch;
    const { packed } = batch;
    this.count = packed === undefined ? batch.keys.length : packed.count;
    this.#bounds = packed?.bounds;
    if (packed === undefined) return;
    this.keyBytes = asBuffer(packed.bytes);
    this.recordBytes = this.keyBytes;
  }

  moveTo(index: number): void {
    const bounds = this.#bounds;
    if (bounds !== undefined) {
      const at = 3 * index;
      this.keyStart = bounds[at]!;
      this.keyEnd = bounds[at + 1]!;
      this.recordStart = this.keyEnd;
      this.recordEnd = bounds[at + 2]!;
      return;
    }
    const { keys, values } = this.#batch;
    this.keyBytes = asBuffer(keys[index]!);
    this.keyEnd = this.keyBytes.length;
    this.recordBytes = asBuffer(values[index]!);
    this.recordEnd = this.recordBytes.length;
  }

  /** Gives the memory of the batch back: nothing here may be looked at afterwards. */
  recycle(): void {
    this.#batch.packed?.recycle?.();
  }

  /** The revision that the key in bucket "key" tells. */
  get main(): number {
    return revisionKeyMain(this.keyBytes, this.keyStart);
  }

  get sub(): number {
    return revisionKeySub(this.keyBytes, this.keyStart);
  }

  get isTombstone(): boolean {
    return isTombstoneKeyBytes(this.keyEnd - this.keyStart);
  }

  /** Of key and record. */
  get bytes(): number {
    return this.keyEnd - this.keyStart + this.recordEnd - this.recordStart;
  }

  /** One character a byte. */
  keyText(): string {
    return this.keyBytes.latin1Slice(this.keyStart, this.keyEnd);
  }

  /** In memory of its own. */
  copyKey(): Buffer {
    return copyOf(this.keyBytes, this.keyStart, this.keyEnd);
  }

  /** In memory of its own. */
  copyRecord(): Buffer {
    return copyOf(this.recordBytes, this.recordStart, this.recordEnd);
  }
}

const EMPTY = Buffer.alloc(0);

function copyOf(bytes: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafe(end - start);
  bytes.copy(copy, 0, start, end);
  return copy;
}
