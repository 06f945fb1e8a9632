import type { Bucket, Op } from "@kvorum/backends";
import { encodeRevisionKey, writeRevisionKey } from "./revision-key.js";

/** A put or a deletion of a record, made once and filled in anew for each commit. */
interface RecordOp {
  readonly bucket: Bucket;
  readonly key: Buffer;
  value: Uint8Array | undefined;
}

/**
 * The operations of one commit after the other. A commit holds thousands of them until the engine
 * has written it, long enough for the garbage collector to move each to where it is dear to collect;
 * so the objects and keys of most of them are used again, which the engine's port allows: it
 * borrows them until the commit settles.
 */
export class CommitOps {
  readonly #records: RecordOp[] = [];
  readonly #recordsMax: number;
  #used = 0;
  #ops: Op[] = [];

  /** @param recordsMax objects kept; a commit of more makes new ones for the rest */
  constructor(recordsMax: number) {
    this.#recordsMax = recordsMax;
  }

  /** Those added since the last `clear`, in order. */
  get list(): readonly Op[] {
    return this.#ops;
  }

  /**
   * A put of bucket "key", positional as `RecordStore.putRecord`; `value` is borrowed likewise.
   * Undefined deletes.
   */
  addRecord(main: number, sub: number, value: Uint8Array | undefined, isTombstone: boolean): void {
    if (isTombstone || this.#used === this.#recordsMax) {
      this.#ops.push({ bucket: "key", key: encodeRevisionKey(main, sub, isTombstone), value });
      return;
    }
    let op = this.#records[this.#used];
    if (op === undefined) {
      op = { bucket: "key", key: encodeRevisionKey(main, sub), value };
      this.#records.push(op);
    } else {
      writeRevisionKey(op.key, main, sub);
      op.value = value;
    }
    this.#used++;
    this.#ops.push(op);
  }

  /** Its bytes are borrowed until `clear`. */
  add(op: Op): void {
    this.#ops.push(op);
  }

  /** The commit has settled: nobody uses the list any more. */
  clear(): void {
    for (let i = 0; i < this.#used; i++) this.#records[i]!.value = undefined;
    this.#used = 0;
    this.#ops = [];
  }
}
