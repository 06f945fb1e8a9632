import type { Prng } from "@kvorum/base";

/** Digits of a key's number; enough for any key space, few enough for the shortest keys. */
const DIGITS = 10;
export const KEY_BYTES_MIN = DIGITS;

/**
 * `count` keys of `keyBytes` each: letters, then the number in decimal with leading zeros, so that
 * the order of the numbers is the order of the keys and a range of `n` of them has known bounds.
 */
export class KeySpace {
  readonly count: number;
  readonly keyBytes: number;
  readonly #prefix: Buffer;
  readonly #isSequential: boolean;
  #next = 0;

  constructor(options: {
    readonly count: number;
    readonly keyBytes: number;
    readonly isSequential?: boolean;
    /** The first number of a sequence. */
    readonly first?: number;
    /** Cut or repeated to fill up the key. */
    readonly prefix?: string;
  }) {
    this.count = options.count;
    this.keyBytes = options.keyBytes;
    this.#isSequential = options.isSequential ?? false;
    this.#next = options.first ?? 0;
    const length = Math.max(0, options.keyBytes - DIGITS);
    this.#prefix = Buffer.alloc(length, options.prefix ?? "key/");
  }

  /** The number of the key to use next. */
  pick(prng: Prng): number {
    if (!this.#isSequential) return prng.below(this.count);
    const picked = this.#next;
    this.#next = picked + 1 === this.count ? 0 : picked + 1;
    return picked;
  }

  /** Writes key `number` at `at`; returns the offset behind it. `count` is the bound behind all. */
  write(into: Buffer, at: number, number: number): number {
    const prefix = this.#prefix;
    for (let i = 0; i < prefix.length; i++) into[at + i] = prefix[i]!;
    const end = at + this.keyBytes;
    let rest = number;
    for (let i = end - 1; i >= at + prefix.length; i--) {
      const tenth = (rest / 10) | 0;
      into[i] = 0x30 + rest - tenth * 10;
      rest = tenth;
    }
    return end;
  }

  key(number: number): Buffer {
    const key = Buffer.alloc(this.keyBytes);
    this.write(key, 0, number);
    return key;
  }
}
