import { asBuffer } from "@kvorum/base";
import type { PackedRecords } from "../port.js";
import type { ChunkMemory } from "./chunk-memory.js";
import {
  ELEMENT_BYTES,
  ELEMENT_IS_BUCKET,
  FLAG_BRANCH,
  FLAG_LEAF,
  PAGE_HEADER_BYTES,
  writePageHeader,
  writePageId,
} from "./format.js";
import type { ClosedPage } from "./tree-packer.js";

/**
 * The growing file: pages are appended to chunks of a fixed size, a chunk is handed over when the
 * next page does not fit into it.
 */
export class ChunkOutput {
  readonly #memory: ChunkMemory;
  readonly #ready: Buffer[] = [];
  #used = 0;
  /** The open chunk, to be written to where `reserve` says. */
  chunk: Buffer = NO_BYTES;
  /** The same memory. */
  view = viewOf(NO_BYTES);

  constructor(memory: ChunkMemory) {
    this.#memory = memory;
  }

  /** Where the next `bytes` of the file stand in `chunk`; not zeroed. */
  reserve(bytes: number): number {
    if (this.#used + bytes > this.chunk.length) {
      this.flush();
      this.chunk = this.#memory.take(bytes);
      this.view = viewOf(this.chunk);
    }
    const start = this.#used;
    this.#used += bytes;
    return start;
  }

  /** Ends the open chunk, short or not. */
  flush(): void {
    if (this.#used > 0) this.#ready.push(this.chunk.subarray(0, this.#used));
    this.chunk = NO_BYTES;
    this.#used = 0;
  }

  /** The chunks that became full since the last call; they are the receiver's. */
  takeReady(): Buffer[] {
    return this.#ready.splice(0);
  }
}

const NO_BYTES = Buffer.alloc(0);

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** A batch of which the records from `next` on are in no page yet. */
interface Pending {
  readonly records: PackedRecords;
  next: number;
}

/** A page of a lower level that waits for its place in a branch. */
interface Child {
  readonly key: Uint8Array;
  readonly id: number;
}

/**
 * Turns the decisions of a `TreePacker` into page bytes: holds the batches of the open leaf and the
 * children of the open branches, and writes each page when the packer closes it.
 */
export class TreeWriter {
  readonly #output: ChunkOutput;
  readonly #pageSize: number;
  readonly #elementFlags: number;
  #pending: Pending[] = [];
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
   * Takes the records of a batch, whose values must follow their keys. To be called before
   * `TreePacker.addAll` of the same batch; borrows the bytes until they are written, and then gives
   * them back to who made them.
   */
  push(records: PackedRecords): void {
    this.#pending.push({ records, next: 0 });
  }

  /** The packer's `onPage`. */
  writePage(page: ClosedPage): void {
    const bytes = page.pages * this.#pageSize;
    const at = this.#output.reserve(bytes);
    const { level, id, count } = page;
    const flags = level === 0 ? FLAG_LEAF : FLAG_BRANCH;
    writePageHeader(this.#output.view, at, { id, flags, count, overflow: page.pages - 1 });
    const key =
      level === 0
        ? this.#writeLeaf(at, count, at + bytes)
        : this.#writeBranch(at, this.#children[level - 1]!.splice(0, count), at + bytes);
    const siblings = this.#children[level];
    if (siblings === undefined) this.#children.push([{ key, id }]);
    else siblings.push({ key, id });
  }

  /** Returns the first key. */
  #writeLeaf(at: number, count: number, end: number): Uint8Array {
    const { chunk } = this.#output;
    const first = this.#pending[0]!;
    const { bounds } = first.records;
    // A copy, because the key waits long for its branch, and would keep the whole batch alive.
    const key = Uint8Array.prototype.slice.call(
      first.records.bytes,
      bounds[3 * first.next]!,
      bounds[3 * first.next + 1]!,
    );
    let elementAt = at + PAGE_HEADER_BYTES;
    let dataAt = elementAt + count * ELEMENT_BYTES;
    for (let left = count; left > 0; ) {
      const pending = this.#pending[0]!;
      const taken = Math.min(left, pending.records.count - pending.next);
      dataAt = this.#writeRecords(pending, taken, { elementAt, dataAt });
      elementAt += taken * ELEMENT_BYTES;
      left -= taken;
      pending.next += taken;
      if (pending.next < pending.records.count) continue;
      this.#pending.shift();
      pending.records.recycle?.();
    }
    chunk.fill(0, dataAt, end);
    return key;
  }

  /** Returns where the data end. Records that stand one behind the other are copied as one. */
  #writeRecords(
    { records, next }: Pending,
    count: number,
    at: { readonly elementAt: number; readonly dataAt: number },
  ): number {
    const { chunk, view } = this.#output;
    const { bounds } = records;
    const bytes = asBuffer(records.bytes);
    const flags = this.#elementFlags;
    let { elementAt, dataAt } = at;
    let runStart = bounds[3 * next]!;
    let runEnd = runStart;
    let runAt = dataAt;
    for (let i = 3 * next; i < 3 * (next + count); i += 3) {
      const keyStart = bounds[i]!;
      const valueStart = bounds[i + 1]!;
      const valueEnd = bounds[i + 2]!;
      if (keyStart !== runEnd) {
        bytes.copy(chunk, runAt, runStart, runEnd);
        runStart = keyStart;
        runAt = dataAt;
      }
      runEnd = valueEnd;
      view.setUint32(elementAt, flags, true);
      view.setUint32(elementAt + 4, dataAt - elementAt, true);
      view.setUint32(elementAt + 8, valueStart - keyStart, true);
      view.setUint32(elementAt + 12, valueEnd - valueStart, true);
      elementAt += ELEMENT_BYTES;
      dataAt += valueEnd - keyStart;
    }
    bytes.copy(chunk, runAt, runStart, runEnd);
    return dataAt;
  }

  /** Returns the first key. */
  #writeBranch(at: number, children: readonly Child[], end: number): Uint8Array {
    const { chunk, view } = this.#output;
    let elementAt = at + PAGE_HEADER_BYTES;
    let dataAt = elementAt + children.length * ELEMENT_BYTES;
    for (const { key, id } of children) {
      view.setUint32(elementAt, dataAt - elementAt, true);
      view.setUint32(elementAt + 4, key.length, true);
      writePageId(view, elementAt + 8, id);
      chunk.set(key, dataAt);
      elementAt += ELEMENT_BYTES;
      dataAt += key.length;
    }
    chunk.fill(0, dataAt, end);
    return children[0]!.key;
  }
}
