/** What an entry costs beside its name and value, RFC 7541 4.1. */
export const ENTRY_OVERHEAD_BYTES = 32;

/**
 * The dynamic table of one direction of a connection, RFC 7541 2.3.2: first in, first out, bounded
 * by the summed size of its entries. Names and values are strings of one character a byte.
 */
export class DynamicTable {
  /** Newest last; a prefix of evicted entries is cut off now and then. */
  #names: string[] = [];
  #values: string[] = [];
  #first = 0;
  #sizeBytes = 0;
  #maxBytes: number;
  /** Grows with every change, so that what was derived from one state is known to be out of date. */
  version = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get entries(): number {
    return this.#names.length - this.#first;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** The name at `index`, 0 being the newest entry. `index` must be below `entries`. */
  name(index: number): string {
    return this.#names[this.#names.length - 1 - index]!;
  }

  value(index: number): string {
    return this.#values[this.#values.length - 1 - index]!;
  }

  /** Adds an entry, evicting the oldest; one larger than the table empties it (RFC 7541 4.4). */
  add(name: string, value: string): void {
    const size = name.length + value.length + ENTRY_OVERHEAD_BYTES;
    this.version++;
    this.#evictTo(this.#maxBytes - size);
    if (size > this.#maxBytes) return;
    this.#names.push(name);
    this.#values.push(value);
    this.#sizeBytes += size;
  }

  resize(maxBytes: number): void {
    this.version++;
    this.#maxBytes = maxBytes;
    this.#evictTo(maxBytes);
  }

  #evictTo(bytes: number): void {
    while (this.#sizeBytes > bytes && this.entries > 0) {
      const name = this.#names[this.#first]!;
      const value = this.#values[this.#first]!;
      this.#sizeBytes -= name.length + value.length + ENTRY_OVERHEAD_BYTES;
      this.#names[this.#first] = "";
      this.#values[this.#first] = "";
      this.#first++;
    }
    if (this.#first > 64 && this.#first * 2 > this.#names.length) {
      this.#names = this.#names.slice(this.#first);
      this.#values = this.#values.slice(this.#first);
      this.#first = 0;
    }
  }
}
