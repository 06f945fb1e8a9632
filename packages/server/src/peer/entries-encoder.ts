import { type Entry, entryBytes } from "@kvorum/raft";
import { peerLimits } from "./limits.js";
import { encodeEntry, encodeEntryHead } from "./message-codec.js";
import { writeLength } from "./message-stream-codec.js";

/**
 * Encodes the entries of an append, each behind its length. A leader sends the same ones to every
 * follower, so the last result is kept and shared by all streams of a member.
 */
export class EntriesEncoder {
  #first: Entry | undefined;
  #last: Entry | undefined;
  #count = 0;
  #parts: readonly Buffer[] = [];

  /**
   * @param entries consecutive ones of the log, at least one; none is ever changed
   * @returns bytes that refer to large entries' data; nobody may change them
   */
  encode(entries: readonly Entry[]): readonly Buffer[] {
    const first = entries[0];
    const last = entries[entries.length - 1];
    // Between the same two entries of one log lie the same entries.
    const isSame = first === this.#first && last === this.#last && entries.length === this.#count;
    if (isSame && first !== undefined) return this.#parts;
    this.#parts = encodeAll(entries);
    this.#first = first;
    this.#last = last;
    this.#count = entries.length;
    return this.#parts;
  }

  /** Lets go of what was kept, when there is nothing to send for a while. */
  forget(): void {
    this.#first = undefined;
    this.#last = undefined;
    this.#parts = [];
  }
}

function encodeAll(entries: readonly Entry[]): readonly Buffer[] {
  let bytes = 0;
  for (const entry of entries) {
    bytes += 8 + entryBytes(entry) - (isReferenced(entry) ? entry.data.length : 0);
  }
  const block = Buffer.allocUnsafe(bytes);
  const parts: Buffer[] = [];
  let start = 0;
  let at = 0;
  for (const entry of entries) {
    writeLength(block, at, entryBytes(entry));
    if (!isReferenced(entry)) {
      at = encodeEntry(entry, block, at + 8);
      continue;
    }
    at = encodeEntryHead(entry, block, at + 8);
    const { buffer, byteOffset, length } = entry.data;
    parts.push(block.subarray(start, at), Buffer.from(buffer, byteOffset, length));
    start = at;
  }
  if (at > start) parts.push(block.subarray(start, at));
  return parts;
}

function isReferenced(entry: Entry): boolean {
  return entry.data.length >= peerLimits.referencedDataBytesMin;
}
