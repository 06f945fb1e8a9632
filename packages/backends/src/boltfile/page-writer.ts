import { asBuffer } from "@kvorum/base";
import {
  ELEMENT_BYTES,
  ELEMENT_IS_BUCKET,
  FLAG_BRANCH,
  FLAG_LEAF,
  PAGE_HEADER_BYTES,
  writePageHeader,
} from "./format.js";
import type { ClosedPage } from "./tree-packer.js";

/**
 * The growing file: pages are appended to chunks of a fixed size, a chunk is handed over when the
 * next page does not fit into it.
 */
export class ChunkOutput {
  readonly #chunkBytes: number;
  readonly #ready: Buffer[] = [];
  #chunk: Buffer | undefined;
  #used = 0;

  constructor(chunkBytes: number) {
    this.#chunkBytes = chunkBytes;
  }

  /** Memory for the next `bytes` of the file; not zeroed. */
  reserve(bytes: number): Buffer {
    if (this.#chunk === undefined || this.#used + bytes > this.#chunk.length) {
      this.flush();
      this.#chunk = Buffer.allocUnsafeSlow(Math.max(this.#chunkBytes, bytes));
    }
    const start = this.#used;
    this.#used += bytes;
    return this.#chunk.subarray(start, this.#used);
  }

  /** Ends the open chunk, short or not. */
  flush(): void {
    if (this.#chunk !== undefined) this.#ready.push(this.#chunk.subarray(0, this.#used));
    this.#chunk = undefined;
    this.#used = 0;
  }

  /** The chunks that became full since the last call; they are the receiver's. */
  takeReady(): Buffer[] {
    return this.#ready.splice(0);
  }
}

/** A page of a lower level that waits for its place in a branch. */
interface Child {
  readonly key: Uint8Array;
  readonly id: number;
}

/**
 * Turns the decisions of a `TreePacker` into page bytes: holds the records of the open leaf and the
 * children of the open branches, and writes each page when the packer closes it.
 */
export class TreeWriter {
  readonly #output: ChunkOutput;
  readonly #pageSize: number;
  readonly #elementFlags: number;
  /** The records of the open leaf: the memory of each, and its three bounds there. */
  #sources: Uint8Array[] = [];
  #bounds: number[] = [];
  readonly #children: Child[][] = [];

  constructor(
    output: ChunkOutput,
    options: { readonly pageSize: number; readonly isRootBucket: boolean },
  ) {
    this.#output = output;
    this.#pageSize = options.pageSize;
    this.#elementFlags = options.isRootBucket ? ELEMENT_IS_BUCKET : 0;
  }

  /**
   * Adds the record at [keyStart, valueEnd) of `bytes`, where the value follows the key. To be
   * called after `TreePacker.add` of the same record; borrows the bytes until they are written.
   */
  push(bytes: Uint8Array, keyStart: number, valueStart: number, valueEnd: number): void {
    this.#sources.push(bytes);
    this.#bounds.push(keyStart, valueStart, valueEnd);
  }

  /** The packer's `onPage`. */
  writePage(page: ClosedPage): void {
    const bytes = this.#output.reserve(page.pages * this.#pageSize);
    const flags = page.level === 0 ? FLAG_LEAF : FLAG_BRANCH;
    writePageHeader(bytes, 0, { id: page.id, flags, count: page.count, overflow: page.pages - 1 });
    const firstKey =
      page.level === 0 ? this.#writeLeaf(bytes) : this.#writeBranch(bytes, page.level, page.count);
    const siblings = this.#children[page.level];
    if (siblings === undefined) this.#children.push([{ key: firstKey, id: page.id }]);
    else siblings.push({ key: firstKey, id: page.id });
  }

  #writeLeaf(page: Buffer): Uint8Array {
    const sources = this.#sources;
    const bounds = this.#bounds;
    const flags = this.#elementFlags;
    let elementAt = PAGE_HEADER_BYTES;
    let dataAt = PAGE_HEADER_BYTES + sources.length * ELEMENT_BYTES;
    for (let i = 0; i < sources.length; i++) {
      const keyStart = bounds[3 * i]!;
      const valueStart = bounds[3 * i + 1]!;
      const valueEnd = bounds[3 * i + 2]!;
      page.writeUInt32LE(flags, elementAt);
      page.writeUInt32LE(dataAt - elementAt, elementAt + 4);
      page.writeUInt32LE(valueStart - keyStart, elementAt + 8);
      page.writeUInt32LE(valueEnd - valueStart, elementAt + 12);
      asBuffer(sources[i]!).copy(page, dataAt, keyStart, valueEnd);
      elementAt += ELEMENT_BYTES;
      dataAt += valueEnd - keyStart;
    }
    page.fill(0, dataAt);
    this.#sources = [];
    this.#bounds = [];
    // A copy, because the key waits long for its branch, and would keep the whole batch alive.
    return Uint8Array.prototype.slice.call(sources[0]!, bounds[0]!, bounds[1]!);
  }

  #writeBranch(page: Buffer, level: number, count: number): Uint8Array {
    const children = this.#children[level - 1]!.splice(0, count);
    let elementAt = PAGE_HEADER_BYTES;
    let dataAt = PAGE_HEADER_BYTES + count * ELEMENT_BYTES;
    for (const { key, id } of children) {
      page.writeUInt32LE(dataAt - elementAt, elementAt);
      page.writeUInt32LE(key.length, elementAt + 4);
      page.writeBigUInt64LE(BigInt(id), elementAt + 8);
      page.set(key, dataAt);
      elementAt += ELEMENT_BYTES;
      dataAt += key.length;
    }
    page.fill(0, dataAt);
    return children[0]!.key;
  }
}
