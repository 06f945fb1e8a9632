import { WireReader } from "@kvorum/api";
import type { LogIndex, MemberId, Term } from "@kvorum/base";
import { type Entry, type Message, MessageType } from "@kvorum/raft";
import { decodeEntry } from "../consensus/decode-entry.js";
import { ByteQueue } from "./byte-queue.js";
import type { EntriesEncoder } from "./entries-encoder.js";
import { peerLimits } from "./limits.js";
import { decodeMessage, encodeMessage, sizeMessage } from "./message-codec.js";
import { takeLength, writeLength } from "./message-stream-codec.js";
import { PeerError } from "./peer-error.js";
import type { StreamDecoder, StreamEncoder } from "./stream-codec.js";

const LINK_HEARTBEAT = 0;
const APP_ENTRIES = 1;
const APP = 2;

/**
 * etcd's "msgappv2": appends that follow each other leave out what both ends know. Each end keeps
 * the term and index of the last entry that went over the connection, both 0 at first.
 *
 *   0                                                            link heartbeat
 *   1 | count | {length | raftpb.Entry} x count | commit         an append right behind the last one
 *   2 | length | raftpb.Message                                  any other append
 *
 * Numbers are unsigned, 64 bits, big-endian.
 */
export class MsgAppEncoder implements StreamEncoder {
  readonly linkHeartbeat = Buffer.from([LINK_HEARTBEAT]);
  readonly #entries: EntriesEncoder;
  #term: Term = 0;
  #index: LogIndex = 0;

  constructor(entries: EntriesEncoder) {
    this.#entries = entries;
  }

  encode(message: Message, parts: Buffer[]): void {
    const { entries, index, logTerm, term } = message;
    if (index === this.#index && logTerm === this.#term && logTerm === term) {
      this.#encodeEntries(message, parts);
      this.#index += entries.length;
      return;
    }
    const sized = sizeMessage(message);
    const frame = Buffer.allocUnsafe(9 + sized.bytes);
    frame[0] = APP;
    writeLength(frame, 1, sized.bytes);
    encodeMessage(sized, frame, 9);
    parts.push(frame);
    this.#term = term;
    this.#index = entries.length === 0 ? index : entries[entries.length - 1]!.index;
  }

  #encodeEntries({ entries, commit }: Message, parts: Buffer[]): void {
    const head = Buffer.allocUnsafe(9);
    head[0] = APP_ENTRIES;
    writeLength(head, 1, entries.length);
    parts.push(head);
    if (entries.length > 0) parts.push(...this.#entries.encode(entries));
    const tail = Buffer.allocUnsafe(8);
    writeLength(tail, 0, commit);
    parts.push(tail);
  }
}

/**
 * What the decoder waits for:
 *
 *   type -1-> count -> entryLength -> entry -+-> commit -> type
 *     |                     ^----------------+
 *     +--2-> appLength -> app -> type
 */
type Expected = "type" | "count" | "entryLength" | "entry" | "commit" | "appLength" | "app";

export class MsgAppDecoder implements StreamDecoder {
  readonly #ends: { readonly local: MemberId; readonly remote: MemberId };
  readonly #queue = new ByteQueue();
  #term: Term = 0;
  #index: LogIndex = 0;
  #expected: Expected = "type";
  /** Bytes of the entry or message that is arriving. */
  #length = 0;
  #entriesLeft = 0;
  #entries: Entry[] = [];
  #entriesBytes = 0;

  constructor(ends: { readonly local: MemberId; readonly remote: MemberId }) {
    this.#ends = ends;
  }

  push(bytes: Buffer, into: Message[]): void {
    const queue = this.#queue;
    queue.push(bytes);
    while (queue.length >= this.#needed()) {
      if (this.#expected === "entryLength" && this.#takeWholeEntries(queue)) continue;
      const message = this.#step(queue);
      if (message !== undefined) into.push(message);
    }
  }

  #needed(): number {
    switch (this.#expected) {
      case "type":
        return 1;
      case "entry":
      case "app":
        return this.#length;
      default:
        return 8;
    }
  }

  #step(queue: ByteQueue): Message | undefined {
    switch (this.#expected) {
      case "type":
        this.#expected = afterType(queue.takeByte());
        return undefined;
      case "count":
        this.#entriesLeft = queue.takeNumber();
        this.#expected = this.#entriesLeft === 0 ? "commit" : "entryLength";
        return undefined;
      case "entryLength":
        this.#length = takeLength(queue);
        this.#entriesBytes += 8 + this.#length;
        takeAtMost(this.#entriesBytes);
        this.#expected = "entry";
        return undefined;
      case "entry":
        this.#entries.push(decodeEntry(new WireReader(this.#take(queue))));
        this.#entriesLeft--;
        this.#expected = this.#entriesLeft === 0 ? "commit" : "entryLength";
        return undefined;
      case "commit":
        return this.#finishEntries(queue.takeNumber());
      case "appLength":
        this.#length = takeLength(queue);
        this.#expected = "app";
        return undefined;
      case "app":
        return this.#finishApp(decodeMessage(this.#take(queue)));
    }
  }

  /**
   * Reads the entries that lie in one piece where they are, which is the hot path of a follower.
   * @returns false when not even one does
   */
  #takeWholeEntries(queue: ByteQueue): boolean {
    const { head, headStart } = queue;
    let at = headStart;
    while (this.#entriesLeft > 0 && at + 8 <= head.length) {
      // The high half is 0, or the slow path refuses the length.
      const length = head.readUInt32BE(at + 4);
      const end = at + 8 + length;
      if (end > head.length || head.readUInt32BE(at) !== 0) break;
      this.#entriesBytes += 8 + length;
      takeAtMost(this.#entriesBytes);
      this.#entries.push(decodeEntry(new WireReader(head, at + 8, end)));
      this.#entriesLeft--;
      at = end;
    }
    if (at === headStart) return false;
    queue.skip(at - headStart);
    if (this.#entriesLeft === 0) this.#expected = "commit";
    return true;
  }

  #take(queue: ByteQueue): Buffer {
    return this.#length === 0 ? Buffer.alloc(0) : queue.take(this.#length);
  }

  #finishEntries(commit: number): Message {
    if (commit >= Number.MAX_SAFE_INTEGER) throw new PeerError("MALFORMED", "commit above 2^53");
    const entries = this.#entries;
    const index = this.#index;
    this.#entries = [];
    this.#entriesBytes = 0;
    this.#index += entries.length;
    this.#expected = "type";
    return {
      type: MessageType.App,
      to: this.#ends.local,
      from: this.#ends.remote,
      term: this.#term,
      logTerm: this.#term,
      index,
      entries,
      commit,
      snapshot: undefined,
      reject: false,
      rejectHint: 0,
      context: NO_BYTES,
    };
  }

  #finishApp(message: Message): Message {
    this.#term = message.term;
    this.#index = message.entries.at(-1)?.index ?? message.index;
    this.#expected = "type";
    return message;
  }
}

const NO_BYTES = new Uint8Array(0);

function afterType(type: number): Expected {
  if (type === LINK_HEARTBEAT) return "type";
  if (type === APP_ENTRIES) return "count";
  if (type === APP) return "appLength";
  throw new PeerError("MALFORMED", `failed to parse type ${type} in msgappv2 stream`);
}

function takeAtMost(bytes: number): void {
  if (bytes <= peerLimits.messageBytesMax) return;
  throw new PeerError("MALFORMED", "entries of one append are larger than a message may be");
}
