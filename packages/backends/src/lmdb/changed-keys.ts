import type { Bucket } from "../port.js";

/** Keys as they are stored, each once. */
export class ChangedKeys {
  readonly #keys = new Map<string, { readonly bucket: Bucket; readonly key: Buffer }>();

  /** Copies the key. */
  add(bucket: Bucket, key: Buffer): void {
    const id = `${bucket}:${key.latin1Slice(0, key.length)}`;
    if (!this.#keys.has(id)) this.#keys.set(id, { bucket, key: Buffer.from(key) });
  }

  /** Hands over the keys and begins anew. */
  take(): readonly { readonly bucket: Bucket; readonly key: Buffer }[] {
    const keys = [...this.#keys.values()];
    this.#keys.clear();
    return keys;
  }
}
