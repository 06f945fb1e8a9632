import { randomBytes } from "node:crypto";

/**
 * The open streams of a connection, by id: a hash table with linear probing. A `Map` would do but
 * for one thing: V8's leaves a table behind each time that it makes room, every few dozen calls,
 * and such a dead table keeps the streams that it held, with all that hangs on them, until the old
 * part of the heap is collected. So nearly every call outlived the cheap collections of the young
 * part.
 */
export class StreamTable<S extends { readonly id: number }> {
  #slots: (S | undefined)[] = new Array<S | undefined>(SLOTS_MIN).fill(undefined);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): S | undefined {
    return this.#slots[this.#slotOf(id)];
  }

  /** `stream` has an id that no other stream here has. */
  add(stream: S): void {
    this.#size++;
    if (this.#size * 2 > this.#slots.length) this.#resize(this.#slots.length * 2);
    this.#slots[this.#slotOf(stream.id)] = stream;
  }

  /** Does nothing when the stream is not here. */
  delete(id: number): void {
    const slots = this.#slots;
    let gap = this.#slotOf(id);
    if (slots[gap] === undefined) return;
    this.#size--;
    const mask = slots.length - 1;
    // Whoever stands behind the gap and belongs at or before it moves up.
    for (let at = (gap + 1) & mask; ; at = (at + 1) & mask) {
      const stream = slots[at];
      if (stream === undefined) break;
      if (((at - homeOf(stream.id, mask)) & mask) < ((at - gap) & mask)) continue;
      slots[gap] = stream;
      gap = at;
    }
    slots[gap] = undefined;
    if (this.#size * 8 < slots.length && slots.length > SLOTS_MIN) this.#resize(slots.length / 2);
  }

  /** Those of now, in no order. */
  values(): S[] {
    return this.#slots.filter((stream) => stream !== undefined);
  }

  /** Where the stream stands, or would. */
  #slotOf(id: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let at = homeOf(id, mask); ; at = (at + 1) & mask) {
      const stream = slots[at];
      if (stream === undefined || stream.id === id) return at;
    }
  }

  #resize(length: number): void {
    const old = this.#slots;
    this.#slots = new Array<S | undefined>(length).fill(undefined);
    for (const stream of old)
      if (stream !== undefined) this.#slots[this.#slotOf(stream.id)] = stream;
  }
}

/** A power of two. */
const SLOTS_MIN = 128;

/** Odd, and another one in each process: a client can't choose ids that share a place. */
const MULTIPLIER = randomBytes(4).readUInt32LE(0) | 1;

function homeOf(id: number, mask: number): number {
  const product = Math.imul(id, MULTIPLIER);
  return (product ^ (product >>> 16)) & mask;
}
