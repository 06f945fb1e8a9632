import { assert, type LogIndex } from "@kvorum/base";

/**
 * The MsgApps sent to one follower and not acknowledged: a ring of (last index, bytes), which grows
 * up to the bound as it is needed.
 */
export class Inflights {
  readonly #messagesMax: number;
  readonly #bytesMax: number;
  #indexes: LogIndex[] = [];
  #sizes: number[] = [];
  #start = 0;
  #count = 0;
  #bytes = 0;

  /** @param bounds bytesMax 0 is no bound; the message that crosses it is still let through. */
  constructor(bounds: { readonly messagesMax: number; readonly bytesMax: number }) {
    this.#messagesMax = bounds.messagesMax;
    this.#bytesMax = bounds.bytesMax;
  }

  get count(): number {
    return this.#count;
  }

  get full(): boolean {
    return (
      this.#count === this.#messagesMax || (this.#bytesMax !== 0 && this.#bytes >= this.#bytesMax)
    );
  }

  /** Whether payload bytes have to be summed at all. */
  get countsBytes(): boolean {
    return this.#bytesMax !== 0;
  }

  add(lastIndex: LogIndex, bytes: number): void {
    assert(!this.full, "no room for a further MsgApp in flight");
    if (this.#count === this.#indexes.length) this.#grow();
    const slot = (this.#start + this.#count) % this.#indexes.length;
    this.#indexes[slot] = lastIndex;
    this.#sizes[slot] = bytes;
    this.#count++;
    this.#bytes += bytes;
  }

  /** Messages that end at or below `index` have arrived. */
  freeUpTo(index: LogIndex): void {
    while (this.#count > 0 && this.#indexes[this.#start]! <= index) {
      this.#bytes -= this.#sizes[this.#start]!;
      this.#start = (this.#start + 1) % this.#indexes.length;
      this.#count--;
    }
  }

  clear(): void {
    this.#start = 0;
    this.#count = 0;
    this.#bytes = 0;
  }

  /** The ring is full, so its content in order is the part from the start, then the part before. */
  #grow(): void {
    const capacity = Math.min(Math.max(8, this.#indexes.length * 2), this.#messagesMax);
    const unroll = (ring: number[]): number[] => {
      const grown = [...ring.slice(this.#start), ...ring.slice(0, this.#start)];
      while (grown.length < capacity) grown.push(0);
      return grown;
    };
    this.#indexes = unroll(this.#indexes);
    this.#sizes = unroll(this.#sizes);
    this.#start = 0;
  }
}
