import type { Bucket } from "../port.js";
import { type Environment, openEnvironment } from "./environment.js";

/** Keys as they are stored, each once. */
export class ChangedKeys {
  readonly #keys = new Map<string, { readonly bucket: Bucket; readonly key: Buffer }>();

  /** Copies the key. */
  add(bucket: Bucket, key: Buffer): void {
    const id = `${bucket}:${key.latin1Slice(0, key.length)}`;
    if (!this.#keys.has(id)) this.#keys.set(id, { bucket, key: Buffer.from(key) });
  }

  entries(): Iterable<{ readonly bucket: Bucket; readonly key: Buffer }> {
    return this.#keys.values();
  }

  get size(): number {
    return this.#keys.size;
  }
}

/**
 * The part of a defragmentation in the thread that commits, which sees all commits in their order:
 * it notes what they change while a copy is made, and changes the copy likewise.
 */
export class CatchUp {
  #changed = new ChangedKeys();
  #copy: Environment | undefined;

  /** The keys of the commits since the last call of `apply`. */
  get changed(): ChangedKeys {
    return this.#changed;
  }

  /** Returns when the changes are synced in the copy. */
  apply(source: Environment, copyFile: string): void {
    this.#copy ??= openEnvironment(copyFile);
    const { root, tables } = this.#copy;
    const changed = this.#changed;
    this.#changed = new ChangedKeys();
    if (changed.size === 0) return;
    source.root.resetReadTxn();
    root.transactionSync(() => {
      for (const { bucket, key } of changed.entries()) {
        const stored = source.tables[bucket].getBinary(key);
        if (stored === undefined) void tables[bucket].remove(key);
        else void tables[bucket].put(key, stored);
      }
    });
    source.root.resetReadTxn();
  }

  close(): void {
    void this.#copy?.root.close();
  }
}
