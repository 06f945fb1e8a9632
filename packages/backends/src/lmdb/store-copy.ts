import { closeSync, openSync } from "node:fs";
import { damagedPage } from "../common/damaged-page.js";
import { LMDB_COPY_STEP_BYTES } from "../limits.js";
import { BackendError, BUCKETS, type Bucket } from "../port.js";
import { ChangedKeys } from "./changed-keys.js";
import { type Environment, entriesOf, openUnsyncedEnvironment } from "./environment.js";
import { leavesBytes, TreeScan } from "./tree-scan.js";
import { readTables } from "./verify.js";

/**
 * The copy that a defragmentation makes, in the thread that commits, which sees all changes in
 * their order. It grows in steps between commits, in the order of buckets and keys:
 *
 *     |------ copied ------| position |------ still to be copied ------|
 *
 * What a commit changes before the position is noted and brought over by the next step; what it
 * changes behind it will be read as it is then. So a step leaves the part before the position as it
 * is in the store, no view of the store is held meanwhile, and little is noted at any time. As
 * nobody else commits, the file doesn't change during a step.
 *
 * Nothing is synced here: the file is useless until its owner has synced it.
 */
export class StoreCopy {
  readonly #source: Environment;
  readonly #descriptor: number;
  readonly #copy: Environment;
  readonly #stepBytes: number;
  readonly #changed = new ChangedKeys();
  #bucketIndex = 0;
  #lastKey: Buffer | undefined;
  /** Bytes of the commits since the last step. */
  #committedBytes = 0;
  #copiedBytes = 0;

  /** @param source the store that this thread writes; stays open as long as the copy */
  constructor(source: Environment, path: string, stepBytes = LMDB_COPY_STEP_BYTES) {
    this.#source = source;
    this.#stepBytes = stepBytes;
    this.#copy = openUnsyncedEnvironment(path);
    this.#descriptor = openSync(source.file, "r");
  }

  /** Bytes of all records copied so far. */
  get copiedBytes(): number {
    return this.#copiedBytes;
  }

  /** To be told each key, as it is stored, that a commit changes. */
  note(bucket: Bucket, key: Buffer): void {
    if (this.#isCopied(bucket, key)) this.#changed.add(bucket, key);
  }

  /** To be told the size of each commit: the next step copies so much more, so it can't run away. */
  noteCommit(bytes: number): void {
    this.#committedBytes += bytes;
  }

  /** Brings over what has changed and copies on; true when the copy holds what the store holds. */
  step(): boolean {
    const enough = this.#copiedBytes + this.#committedBytes + this.#stepBytes;
    this.#committedBytes = 0;
    let isComplete = false;
    this.#copy.root.transactionSync(() => {
      this.#bringOver();
      isComplete = this.#copyUntil(enough);
    });
    return isComplete;
  }

  /** The last step; no commit may follow. Afterwards the copy is the store, but for its sync. */
  finish(): void {
    while (!this.step());
    for (const bucket of BUCKETS) {
      const copied = entriesOf(this.#copy, bucket);
      const stored = entriesOf(this.#source, bucket);
      if (copied === stored) continue;
      const text = `the copy of "${bucket}" has ${copied} records of ${stored}`;
      throw new BackendError("IO", `${this.#copy.file}: ${text}`);
    }
  }

  close(): void {
    closeSync(this.#descriptor);
    void this.#copy.root.close();
  }

  #isCopied(bucket: Bucket, key: Buffer): boolean {
    const index = ORDER.indexOf(bucket);
    if (index !== this.#bucketIndex) return index < this.#bucketIndex;
    return this.#lastKey !== undefined && key.compare(this.#lastKey) <= 0;
  }

  #bringOver(): void {
    const { root, tables } = this.#source;
    root.resetReadTxn();
    for (const { bucket, key } of this.#changed.take()) {
      const stored = tables[bucket].getBinary(key);
      if (stored === undefined) void this.#copy.tables[bucket].remove(key);
      else void this.#copy.tables[bucket].put(key, stored);
    }
    // What was read must not pin pages.
    root.resetReadTxn();
  }

  #copyUntil(enough: number): boolean {
    const { meta, tables } = readTables(this.#source.file, this.#descriptor);
    const { pageBytes } = meta;
    for (;;) {
      const bucket = ORDER[this.#bucketIndex]!;
      const tree = tables.find(({ name }) => name === bucket)?.tree;
      if (tree === undefined) throw damagedPage(this.#source.file, 0, `no table "${bucket}"`);
      const options = { path: this.#source.file, descriptor: this.#descriptor, pageBytes };
      const appender = new Appender(this.#copy, bucket, leavesBytes(pageBytes));
      const range = { start: above(this.#lastKey), end: undefined };
      let isWhole = true;
      for (const _ of new TreeScan(options, tree, range, appender).run()) {
        if (this.#copiedBytes + appender.bytes < enough) continue;
        isWhole = false;
        break;
      }
      this.#copiedBytes += appender.bytes;
      this.#lastKey = appender.lastKey ?? this.#lastKey;
      if (!isWhole) return false;
      if (this.#bucketIndex === ORDER.length - 1) return true;
      this.#bucketIndex++;
      this.#lastKey = undefined;
    }
  }
}

/** The bucket of revisions, which grows at its end, comes last, so that what is new is behind. */
const ORDER: readonly Bucket[] = [...BUCKETS.filter((bucket) => bucket !== "key"), "key"];

/** Writes records behind all that a table has, with the bytes as they are stored. */
class Appender {
  readonly window: Buffer;
  readonly #table: Environment["tables"][Bucket];
  #last: Buffer | undefined;
  bytes = 0;

  constructor({ tables }: Environment, bucket: Bucket, windowBytes: number) {
    this.window = Buffer.allocUnsafeSlow(windowBytes);
    this.#table = tables[bucket];
  }

  /** A copy. */
  get lastKey(): Buffer | undefined {
    return this.#last && Buffer.from(this.#last);
  }

  inline(bytes: Buffer, keyStart: number, valueStart: number, valueEnd: number): void {
    this.#append(bytes.subarray(keyStart, valueStart), bytes.subarray(valueStart, valueEnd));
  }

  large(key: Buffer, value: Buffer): void {
    this.#append(key, value);
  }

  #append(key: Buffer, value: Buffer): void {
    this.#table.putSync(key, value, APPEND);
    this.#last = key;
    this.bytes += key.length + value.length;
  }
}

/** Fills pages to the brim. */
const APPEND = { append: true };

/** The least key that is greater. */
function above(key: Buffer | undefined): Buffer | undefined {
  return key && Buffer.concat([key, Buffer.alloc(1)]);
}
