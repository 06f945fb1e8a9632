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
  #keys: Uint8Array[] = [];
  #values: Uint8Array[] = [];
  readonly #children: Child[][] = [];

  constructor(
    output: ChunkOutput,
    options: { readonly pageSize: number; readonly isRootBucket: boolean },
  ) {
    this.#output = output;
    this.#pageSize = options.pageSize;
    this.#elementFlags = options.isRootBucket ? ELEMENT_IS_BUCKET : 0;
  }

  /** To be called after `TreePacker.add` of the same record; borrows the bytes until written. */
  push(key: Uint8Array, value: Uint8Array): void {
    this.#keys.push(key);
    this.#values.push(value);
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
    const keys = this.#keys;
    const values = this.#values;
    const flags = this.#elementFlags;
    let elementAt = PAGE_HEADER_BYTES;
    let dataAt = PAGE_HEADER_BYTES + keys.length * ELEMENT_BYTES;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!;
      const value = values[i]!;
      page.writeUInt32LE(flags, elementAt);
      page.writeUInt32LE(dataAt - elementAt, elementAt + 4);
      page.writeUInt32LE(key.length, elementAt + 8);
      page.writeUInt32LE(value.length, elementAt + 12);
      page.set(key, dataAt);
      page.set(value, dataAt + key.length);
      elementAt += ELEMENT_BYTES;
      dataAt += key.length + value.length;
    }
    page.fill(0, dataAt);
    this.#keys = [];
    this.#values = [];
    return keys[0]!;
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
