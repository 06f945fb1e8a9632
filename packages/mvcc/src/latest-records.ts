import { randomBytes } from "node:crypto";
import type { KeyIndex } from "./key-index.js";
import type { RecordPlace } from "./record-arena.js";

/**
 * The newest records of keys that were changed or read lately, found by the bytes of the key: no
 * string, no search of the index and no object for a hit. Bounded in bytes.
 *
 * The records lie one behind the other in a ring of memory outside the heap, the oldest goes first:
 *
 *   | hash (4) | length (4) | capacity (4) | record, padded to a multiple of 4 |
 *                 \ DEAD: nothing refers to it any more      the next one ^
 *
 * and a hash table with linear probing points at them:
 *
 *   slots [ hash | position + 1 | hash | position + 1 | ... ]      position in words; 0 is "empty"
 *
 * A record begins with its key (`encodeKeyValue`), which is compared, so a hit is never wrong. Who
 * changes a key must call `seek` and `putSought` or `putNew`, or `remove`.
 *
 * Beside a slot stands what the index holds of the key, if it was put here: the next change of the
 * key needs no search of the index then.
 */
export class LatestRecords {
  readonly #ringBytesMax: number;
  #ring: Buffer = EMPTY;
  /** The same memory, for the heads of the entries. */
  #words = new Int32Array(0);
  /** Where the next entry goes, and the oldest one stands; in bytes. */
  #head = 0;
  #tail = 0;
  /** Bytes from tail to head, with what is dead or left over at the end of the ring. */
  #usedBytes = 0;
  #slots = new Int32Array(0);
  #slotMask = 0;
  /** By slot, half as many as numbers in `#slots`. */
  #entries: (KeyIndex | undefined)[] = [];
  #count = 0;
  /** Of the key of the last `seek`. */
  #soughtHash = 0;
  #soughtSlot = -1;
  /** Something that was held was asked for. */
  #isUsed = false;
  /** A new key found no room. */
  #isOutgrown = false;

  /** What `find` has found: `bytes[start, end)`, which the next change of the cache may overwrite. */
  bytes: Buffer = EMPTY;
  start = 0;
  end = 0;

  constructor(bytesMax: number) {
    this.#ringBytesMax = Math.floor(bytesMax / ENTRY_ALIGN) * ENTRY_ALIGN;
  }

  /** Records held. */
  get count(): number {
    return this.#count;
  }

  /** Looks the key `bytes[start, end)` up. @returns whether its record is here; see `bytes` */
  find(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#count === 0) return false;
    const slot = this.#slotOf(hashOf(bytes, start, end), bytes, start, end);
    if (slot === -1) return false;
    this.#isUsed = true;
    const word = this.#slots[slot + 1]! - 1;
    this.bytes = this.#ring;
    this.start = (word + HEAD_WORDS) * 4;
    this.end = this.start + this.#words[word + 1]!;
    return true;
  }

  /** Keeps the record of a key that `find` has not found. It is copied. */
  add(key: Uint8Array, record: Uint8Array): void {
    if (!beginsWithKey(record, 0, key.length)) return;
    const at = this.#insert(hashOf(key, 0, key.length), record.length, undefined);
    if (at !== -1) this.#ring.set(record, at);
  }

  /**
   * Looks a key up that is about to be compared or put. @returns what `putSought` was told of the
   * key in the index, if that is known; the index may have let go of it, and then it is not live
   */
  seek(key: Uint8Array): KeyIndex | undefined {
    const hash = hashOf(key, 0, key.length);
    const slot = this.#count === 0 ? -1 : this.#slotOf(hash, key, 0, key.length);
    this.#soughtHash = hash;
    this.#soughtSlot = slot;
    if (slot === -1) return undefined;
    this.#isUsed = true;
    return this.#entries[slot >>> 1];
  }

  /**
   * `record` is the newest of the key of the last `seek`, since which nothing was changed here, in
   * place of the one that is held. It is copied.
   */
  putSought(key: Uint8Array, record: RecordPlace, entry: KeyIndex | undefined): void {
    const length = record.end - record.start;
    const slot = this.#soughtSlot;
    if (slot !== -1) {
      if (this.#entries[slot >>> 1] !== entry) this.#entries[slot >>> 1] = entry;
      const words = this.#words;
      const word = this.#slots[slot + 1]! - 1;
      if (entryBytes(length) <= words[word + 2]!) {
        words[word + 1] = length;
        this.#copy(record, (word + HEAD_WORDS) * 4);
        return;
      }
      this.#drop(slot);
    }
    if (!beginsWithKey(record.bytes, record.start, key.length)) return;
    const at = this.#insert(this.#soughtHash, length, entry);
    if (at !== -1) this.#copy(record, at);
  }

  /**
   * As `putSought`, of a key that is new. It is kept while there is room that was never used: a
   * million keys that are loaded would only displace each other, and others that are used. They come
   * with their next put or their first read then, and the memory of a load that nobody has used so
   * far is given back.
   */
  putNew(key: Uint8Array, record: RecordPlace): void {
    const bytes = entryBytes(record.end - record.start);
    const hasRoom = !this.#isOutgrown && this.#usedBytes + bytes <= this.#ringBytesMax;
    if (hasRoom || this.#soughtSlot !== -1) {
      this.putSought(key, record, undefined);
      return;
    }
    if (this.#isOutgrown) return;
    this.#isOutgrown = true;
    if (!this.#isUsed) this.#clear();
  }

  /** The key `bytes[start, end)` is gone. */
  remove(bytes: Uint8Array, start: number, end: number): void {
    if (this.#count === 0) return;
    const slot = this.#slotOf(hashOf(bytes, start, end), bytes, start, end);
    if (slot !== -1) this.#drop(slot);
  }

  /** @returns where the record of `length` bytes goes; -1 when it is too large */
  #insert(hash: number, length: number, entry: KeyIndex | undefined): number {
    const bytes = entryBytes(length);
    if (bytes * LARGE_FACTOR > this.#ringBytesMax) return -1;
    this.#makeRoom(bytes);
    if ((this.#count + 1) * 4 > this.#slots.length) this.#growSlots();
    const start = this.#head;
    this.#writeHead(hash, length, bytes);
    this.#head += bytes;
    this.#usedBytes += bytes;
    this.#insertSlot(hash, start / 4 + 1, entry);
    this.#count++;
    return start + HEAD_BYTES;
  }

  #clear(): void {
    this.#ring = EMPTY;
    this.#words = new Int32Array(0);
    this.#head = 0;
    this.#tail = 0;
    this.#usedBytes = 0;
    this.#slots = new Int32Array(0);
    this.#slotMask = 0;
    this.#entries = [];
    this.#count = 0;
    this.#soughtSlot = -1;
  }

  /** Word by word: both ends are padded, and a view for `set` would cost more than the copying. */
  #copy({ bytes, words, start, end }: RecordPlace, at: number): void {
    if (end - start > WORDWISE_BYTES_MAX) {
      this.#ring.set(bytes.subarray(start, end), at);
      return;
    }
    const into = this.#words;
    let to = at >>> 2;
    for (let from = start >>> 2; from << 2 < end; from++) into[to++] = words[from]!;
  }

  /** @returns the index in `#slots` of the key's slot, or -1 */
  #slotOf(hash: number, key: Uint8Array, start: number, end: number): number {
    const slots = this.#slots;
    const mask = this.#slotMask;
    for (let i = hash & mask; ; i = (i + 1) & mask) {
      const position = slots[2 * i + 1]!;
      if (position === 0) return -1;
      if (slots[2 * i] === hash && this.#isKeyAt(position - 1, key, start, end)) return 2 * i;
    }
  }

  #isKeyAt(word: number, key: Uint8Array, start: number, end: number): boolean {
    const ring = this.#ring;
    // Behind the tag stands the length of the key, in one byte or two; see `beginsWithKey`.
    let at = (word + HEAD_WORDS) * 4 + 1;
    let length = ring[at++]!;
    if (length >= 0x80) length = (length & 0x7f) | (ring[at++]! << 7);
    if (length !== end - start) return false;
    for (let i = start; i < end; i++) if (ring[at++] !== key[i]) return false;
    return true;
  }

  #drop(slot: number): void {
    // The position plus one is just where the entry's length stands.
    this.#words[this.#slots[slot + 1]!] = DEAD;
    this.#removeSlot(slot >>> 1);
    this.#count--;
  }

  /** The memory grows to its bound first; from then on the oldest entries give way. */
  #makeRoom(bytes: number): void {
    while (this.#head + bytes > this.#ring.length && this.#ring.length < this.#ringBytesMax) {
      this.#growRing();
    }
    const left = this.#ring.length - this.#head;
    if (bytes > left) {
      this.#evict(left);
      if (left >= HEAD_BYTES) this.#writeHead(0, DEAD, left);
      this.#usedBytes += left;
      this.#head = 0;
    }
    this.#evict(bytes);
  }

  /** Drops the oldest entries until `bytes` from the head on are free. */
  #evict(bytes: number): void {
    const end = this.#ring.length;
    while (this.#usedBytes + bytes > end) {
      const left = end - this.#tail;
      const word = this.#tail / 4;
      const capacity = left < HEAD_BYTES ? left : this.#words[word + 2]!;
      if (left >= HEAD_BYTES && this.#words[word + 1] !== DEAD) {
        this.#removeSlot(this.#slotAt(this.#words[word]!, word + 1));
        this.#count--;
      }
      this.#usedBytes -= capacity;
      this.#tail = this.#tail + capacity === end ? 0 : this.#tail + capacity;
    }
  }

  #writeHead(hash: number, length: number, capacity: number): void {
    const word = this.#head / 4;
    this.#words[word] = hash;
    this.#words[word + 1] = length;
    this.#words[word + 2] = capacity;
  }

  /** Before its bound the ring was never wrapped, so positions stay. */
  #growRing(): void {
    const bytes = Math.min(this.#ringBytesMax, Math.max(RING_BYTES_MIN, this.#ring.length * 2));
    const grown = Buffer.allocUnsafeSlow(bytes);
    this.#ring.copy(grown, 0, 0, this.#head);
    this.#ring = grown;
    this.#words = new Int32Array(grown.buffer, grown.byteOffset, bytes / 4);
  }

  #growSlots(): void {
    const old = this.#slots;
    const oldEntries = this.#entries;
    const length = Math.max(SLOTS_MIN, old.length * 2);
    this.#slots = new Int32Array(length);
    this.#slotMask = length / 2 - 1;
    this.#entries = new Array<KeyIndex | undefined>(length / 2).fill(undefined);
    for (let i = 0; i < old.length; i += 2) {
      if (old[i + 1] !== 0) this.#insertSlot(old[i]!, old[i + 1]!, oldEntries[i >>> 1]);
    }
  }

  #insertSlot(hash: number, position: number, entry: KeyIndex | undefined): void {
    const slots = this.#slots;
    const mask = this.#slotMask;
    let i = hash & mask;
    while (slots[2 * i + 1] !== 0) i = (i + 1) & mask;
    slots[2 * i] = hash;
    slots[2 * i + 1] = position;
    if (entry !== undefined) this.#entries[i] = entry;
  }

  /** The number of the slot that points to an entry. */
  #slotAt(hash: number, position: number): number {
    let i = hash & this.#slotMask;
    while (this.#slots[2 * i + 1] !== position) i = (i + 1) & this.#slotMask;
    return i;
  }

  /** Empties slot `i` and closes the gap: whoever stands behind and belongs before moves up. */
  #removeSlot(i: number): void {
    const slots = this.#slots;
    const entries = this.#entries;
    const mask = this.#slotMask;
    let gap = i;
    for (let j = (i + 1) & mask; slots[2 * j + 1] !== 0; j = (j + 1) & mask) {
      const home = slots[2 * j]! & mask;
      if (((j - home) & mask) < ((j - gap) & mask)) continue;
      slots[2 * gap] = slots[2 * j]!;
      slots[2 * gap + 1] = slots[2 * j + 1]!;
      entries[gap] = entries[j];
      gap = j;
    }
    slots[2 * gap + 1] = 0;
    entries[gap] = undefined;
  }
}

const EMPTY = Buffer.alloc(0);
const ENTRY_ALIGN = 4;
const HEAD_WORDS = 3;
const HEAD_BYTES = HEAD_WORDS * 4;
/** In the place of an entry's length. */
const DEAD = -1;
/** A record above this share of the memory is not kept. */
const LARGE_FACTOR = 4;
const WORDWISE_BYTES_MAX = 1_024;
const RING_BYTES_MIN = 64 * 1024;
/** In numbers, two a slot. */
const SLOTS_MIN = 2 * 256;
/** The longest key whose length takes two bytes. */
const KEY_BYTES_MAX = 2 ** 14 - 1;

function entryBytes(length: number): number {
  return (HEAD_BYTES + length + ENTRY_ALIGN - 1) & -ENTRY_ALIGN;
}

/** Whether the record's first field is a key of this length; others may come from other encoders. */
function beginsWithKey(record: Uint8Array, start: number, keyBytes: number): boolean {
  if (keyBytes === 0 || keyBytes > KEY_BYTES_MAX || record[start] !== 0x0a) return false;
  if (keyBytes < 0x80) return record[start + 1] === keyBytes;
  return record[start + 1] === ((keyBytes & 0x7f) | 0x80) && record[start + 2] === keyBytes >>> 7;
}

/** Another one in each process, so that nobody can choose keys that all fall on one slot. */
const HASH_SEED = randomBytes(4).readInt32LE(0);

/** FNV-1a from a secret start, then mixed so that the low bits depend on every byte. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = HASH_SEED;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return hash ^ (hash >>> 13);
}
