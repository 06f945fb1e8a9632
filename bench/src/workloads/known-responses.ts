import { varintAt } from "../load/proto-scan.js";
import { MESSAGE_PREFIX_BYTES } from "../wire/message-assembler.js";

/** A watch response with events that was read field by field, without the id of its watcher. */
export interface KnownResponse {
  /** Of its header. */
  readonly revision: number;
  /** Revisions of its first and its last event. */
  readonly first: number;
  readonly last: number;
  readonly events: number;
  readonly head: Pattern;
  readonly body: Pattern;
  /** Another one with the same revision in its header. */
  readonly next: KnownResponse | undefined;
}

/** What a caller of `learn` found in a response. */
export interface LearntResponse {
  readonly revision: number;
  readonly first: number;
  readonly last: number;
  readonly events: number;
  /** Where the header field, and then the id field, ends. */
  readonly headEnd: number;
  readonly idEnd: number;
}

const SLOTS = 4096;
const CHAIN_MAX = 8;
/** Of all that is kept, together; then all of it is forgotten. */
const KEPT_BYTES_MAX = 32 * 1024 * 1024;
const RUN_MAX = 1024;
const TAG_WATCH_ID = 0x10;
const ID_BYTES_MAX = 5;

/**
 * Watch responses that were checked once, so that the same words to the next watcher are checked by
 * comparing bytes: nothing but the watcher's id may differ, and that is read.
 *
 *     0a len ResponseHeader   10 watch_id   5a len Event ...
 *     |------- head -------|  |--- id ---|  |---- body ----|
 *
 * A head and a body are found by the revision in the header, which stands at one place in all
 * responses of a server.
 */
export class KnownResponses {
  /** The id in the response that `match` knew. */
  watchId = 0;
  /** The ids of the responses that `takeRun` took. */
  readonly runIds = new Int32Array(RUN_MAX);
  readonly #slots = new Array<KnownResponse | undefined>(SLOTS).fill(undefined);
  #bytesKept = 0;
  /** Where the revision stands in a response; -1 until one was learnt. */
  #revisionAt = -1;
  #idLength = 0;
  #viewed: Buffer = Buffer.alloc(0);
  #view: DataView = new DataView(new ArrayBuffer(0));

  /** The response that `bytes[start, end)` is, but for its `watchId`; undefined: read it yourself. */
  match(bytes: Buffer, start: number, end: number): KnownResponse | undefined {
    if (this.#revisionAt < 0) return undefined;
    const revision = varintAt(bytes, start + this.#revisionAt);
    const view = this.#viewOf(bytes);
    let known = this.#slots[revision & (SLOTS - 1)];
    for (; known !== undefined; known = known.next) {
      if (known.revision !== revision) return undefined;
      const { head, body } = known;
      const bodyAt = end - body.length;
      const idAt = start + head.length;
      const idLength = bodyAt - idAt;
      if (!this.#readId(bytes, idAt, idLength)) continue;
      if (isAt(view, start, head) && isAt(view, bodyAt, body)) {
        this.#idLength = idLength;
        return known;
      }
    }
    return undefined;
  }

  /**
   * Takes the messages behind a response that `match` has just known, as long as they are the same
   * but for ids of the same length, which are then in `runIds`. All are compared at once, each with
   * the one before it, with the ids blanked.
   * @param at where the prefix of the known response stands
   * @returns how many; each is as long as the known one
   */
  takeRun(bytes: Buffer, at: number, end: number, known: KnownResponse): number {
    const idLength = this.#idLength;
    const size = known.head.length + idLength + known.body.length;
    const stride = MESSAGE_PREFIX_BYTES + size;
    const idAt = at + MESSAGE_PREFIX_BYTES + known.head.length;
    const revisionAt = at + MESSAGE_PREFIX_BYTES + this.#revisionAt;
    const low = bytes[revisionAt];
    const high = bytes[revisionAt + 1];
    const firstId = this.watchId;
    const ids = this.runIds;
    let count = 0;
    let shift = stride;
    while (idLength > 0 && at + shift + stride <= end && count < RUN_MAX) {
      const isNext = bytes[revisionAt + shift] === low && bytes[revisionAt + shift + 1] === high;
      if (!isNext || !this.#readId(bytes, idAt + shift, idLength)) break;
      ids[count++] = this.watchId;
      shift += stride;
    }
    if (count === 0) return 0;
    for (let i = 0; i < shift; i += stride) blank(bytes, idAt + i, idLength);
    const isSame = bytes.compare(bytes, at, at + shift - stride, at + stride, at + shift) === 0;
    if (isSame) return count;
    writeId(bytes, idAt, firstId, idLength);
    for (let i = 0; i < count; i++) writeId(bytes, idAt + (i + 1) * stride, ids[i]!, idLength);
    return 0;
  }

  /** Keeps `bytes[start, end)`, which was checked. */
  learn(bytes: Buffer, start: number, end: number, learnt: LearntResponse): void {
    const { headEnd, idEnd, ...rest } = learnt;
    if (headEnd - start < WORD_BYTES || end - idEnd < WORD_BYTES) return;
    this.#revisionAt = revisionOffset(bytes, start, headEnd);
    if (this.#revisionAt < 0) return;
    this.#bytesKept += end - start;
    if (this.#bytesKept > KEPT_BYTES_MAX) {
      this.#slots.fill(undefined);
      this.#bytesKept = end - start;
    }
    const slot = learnt.revision & (SLOTS - 1);
    const view = this.#viewOf(bytes);
    this.#slots[slot] = {
      ...rest,
      head: patternOf(view, start, headEnd),
      body: patternOf(view, idEnd, end),
      next: chainOf(this.#slots[slot], learnt.revision),
    };
  }

  /** Reads the id field of `length` bytes into `watchId`; false when there is none of that length. */
  #readId(bytes: Buffer, at: number, length: number): boolean {
    this.watchId = 0;
    if (length === 0) return true;
    if (length < 2 || length > ID_BYTES_MAX || bytes[at] !== TAG_WATCH_ID) return false;
    let id = 0;
    const last = length - 1;
    for (let i = 1; i < last; i++) {
      const byte = bytes[at + i]!;
      if (byte < 0x80) return false;
      id |= (byte & 0x7f) << (7 * (i - 1));
    }
    const byte = bytes[at + last]!;
    if (byte >= 0x80) return false;
    this.watchId = id | (byte << (7 * (last - 1)));
    return true;
  }

  #viewOf(bytes: Buffer): DataView {
    if (bytes !== this.#viewed) {
      this.#viewed = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    return this.#view;
  }
}

const WORD_BYTES = 4;

/** Bytes to compare with, in words; the last word overlaps the one before where need be. */
interface Pattern {
  readonly length: number;
  readonly words: Int32Array;
}

function patternOf(view: DataView, start: number, end: number): Pattern {
  const length = end - start;
  const words = new Int32Array(Math.ceil(length / WORD_BYTES));
  const last = words.length - 1;
  for (let i = 0; i < last; i++) words[i] = view.getInt32(start + i * WORD_BYTES, true);
  words[last] = view.getInt32(end - WORD_BYTES, true);
  return { length, words };
}

function isAt(view: DataView, start: number, { length, words }: Pattern): boolean {
  const last = words.length - 1;
  if (view.getInt32(start + length - WORD_BYTES, true) !== words[last]) return false;
  let at = start;
  for (let i = 0; i < last; i++) {
    if (view.getInt32(at, true) !== words[i]) return false;
    at += WORD_BYTES;
  }
  return true;
}

function chainOf(first: KnownResponse | undefined, revision: number): KnownResponse | undefined {
  let length = 0;
  for (let known = first; known !== undefined; known = known.next) length++;
  return first?.revision === revision && length < CHAIN_MAX ? first : undefined;
}

/** Where in a response the revision of its header stands: `0a len { 08 ... 10 ... 18 revision`. */
function revisionOffset(bytes: Buffer, start: number, headEnd: number): number {
  let at = start + 2;
  while (at < headEnd) {
    if (bytes[at] === 0x18) return at + 1 - start;
    at++;
    while (bytes[at++]! >= 0x80) {
      // Skips a varint.
    }
  }
  return -1;
}

function blank(bytes: Buffer, at: number, length: number): void {
  for (let i = 0; i < length; i++) bytes[at + i] = 0;
}

function writeId(bytes: Buffer, at: number, id: number, length: number): void {
  bytes[at] = TAG_WATCH_ID;
  let rest = id;
  for (let i = 1; i < length - 1; i++) {
    bytes[at + i] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[at + length - 1] = rest;
}
