/**
 * Revisions that replies have named, to find one named twice. Revisions of a run lie close
 * together, so a bit each, counted from the first, is enough.
 */
export class RevisionSet {
  #bits: Uint8Array = new Uint8Array(FIRST_BYTES);
  #base = -1;
  /** Revisions below the base, which only the first few replies can name. */
  readonly #early = new Set<number>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Returns false when `revision` was there. */
  add(revision: number): boolean {
    if (this.#base < 0) this.#base = revision & ~7;
    const index = revision - this.#base;
    if (index < 0) return this.#addEarly(revision);
    const byte = index >>> 3;
    if (byte >= this.#bits.length) this.#grow(byte);
    const mask = 1 << (index & 7);
    if ((this.#bits[byte]! & mask) !== 0) return false;
    this.#bits[byte]! |= mask;
    this.#count++;
    return true;
  }

  #addEarly(revision: number): boolean {
    if (this.#early.has(revision)) return false;
    this.#early.add(revision);
    this.#count++;
    return true;
  }

  #grow(byte: number): void {
    const larger = new Uint8Array(Math.max(this.#bits.length * 2, byte + 1));
    larger.set(this.#bits);
    this.#bits = larger;
  }
}

const FIRST_BYTES = 128 * 1024;
