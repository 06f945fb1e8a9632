import { raftpb, WireReader } from "@kvorum/api";
import { type MemberId, varintSize, varintSize64, writeVarint, writeVarint64 } from "@kvorum/base";
import { type Entry, entryBytes, type Message, MessageType, type Snapshot } from "@kvorum/raft";
import { decodeEntry } from "../consensus/decode-entry.js";
import { PeerError } from "./peer-error.js";

/**
 * raftpb.Message and raftpb.Entry, by hand, because every replicated entry passes here. Written in
 * the form of etcd up to 3.6, which always writes the scalar fields and an empty snapshot:
 *
 *   08 type 10 to 18 from 20 term 28 logTerm 30 index {3a entry}* 40 commit 4a snapshot
 *   50 reject 58 rejectHint [62 context]
 *
 * Read in any form: fields left out are zero, unknown ones are skipped, the last of a repeated one
 * counts. Whatever is decoded refers to the input's memory.
 */

const EMPTY: Uint8Array = new Uint8Array(0);
/** Field 9, holding metadata that holds a conf state with auto_leave false; index 0, term 0. */
const NO_SNAPSHOT = Buffer.from("4a0a12080a02280010001800", "hex");
/** The tags of type, to, from, term, logTerm, index, commit, reject and rejectHint, one byte each. */
const SCALAR_TAGS_BYTES = 9;
const ENCODED_IDS_MAX = 1024;

/** Everything of an entry but its data's bytes; returns the offset after it. */
export function encodeEntryHead(entry: Entry, into: Buffer, offset: number): number {
  let at = offset;
  into[at++] = 0x08;
  into[at++] = entry.type;
  into[at++] = 0x10;
  at = writeVarint(into, at, entry.term);
  into[at++] = 0x18;
  at = writeVarint(into, at, entry.index);
  if (entry.data.length === 0) return at;
  into[at++] = 0x22;
  return writeVarint(into, at, entry.data.length);
}

/** Writes the `entryBytes` of an entry; returns the offset after them. */
export function encodeEntry(entry: Entry, into: Buffer, offset: number): number {
  const at = encodeEntryHead(entry, into, offset);
  into.set(entry.data, at);
  return at + entry.data.length;
}

/** A message whose length is known, so that it can be written behind a length prefix. */
export interface SizedMessage {
  readonly message: Message;
  readonly bytes: number;
  /** The encoded snapshot with its tag and length. */
  readonly snapshot: Buffer;
}

/** Counts the bytes of a message, which `encodeMessage` then writes. */
export function sizeMessage(message: Message): SizedMessage {
  const { entries, context } = message;
  const snapshot = encodeSnapshotField(message.snapshot);
  let bytes = SCALAR_TAGS_BYTES + snapshot.length + 2;
  bytes += encodedId(message.to).length + encodedId(message.from).length;
  bytes += varintSize(message.term) + varintSize(message.logTerm) + varintSize(message.index);
  bytes += varintSize(message.commit) + varintSize(message.rejectHint);
  for (let i = 0; i < entries.length; i++) {
    const size = entryBytes(entries[i]!);
    bytes += 1 + varintSize(size) + size;
  }
  if (context.length > 0) bytes += 1 + varintSize(context.length) + context.length;
  return { message, bytes, snapshot };
}

/** Writes `sized.bytes` bytes; returns the offset after them. */
export function encodeMessage(sized: SizedMessage, into: Buffer, offset: number): number {
  const { message } = sized;
  const { entries, context } = message;
  let at = offset;
  into[at++] = 0x08;
  into[at++] = message.type;
  at = writeId(into, writeByte(into, at, 0x10), message.to);
  at = writeId(into, writeByte(into, at, 0x18), message.from);
  at = writeVarint(into, writeByte(into, at, 0x20), message.term);
  at = writeVarint(into, writeByte(into, at, 0x28), message.logTerm);
  at = writeVarint(into, writeByte(into, at, 0x30), message.index);
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    at = writeVarint(into, writeByte(into, at, 0x3a), entryBytes(entry));
    at = encodeEntry(entry, into, at);
  }
  at = writeVarint(into, writeByte(into, at, 0x40), message.commit);
  into.set(sized.snapshot, at);
  at += sized.snapshot.length;
  at = writeByte(into, writeByte(into, at, 0x50), message.reject ? 1 : 0);
  at = writeVarint(into, writeByte(into, at, 0x58), message.rejectHint);
  if (context.length === 0) return at;
  at = writeVarint(into, writeByte(into, at, 0x62), context.length);
  into.set(context, at);
  return at + context.length;
}

/** The message alone, as a post's body holds it. */
export function messageToBytes(message: Message): Buffer {
  const sized = sizeMessage(message);
  const bytes = Buffer.allocUnsafe(sized.bytes);
  encodeMessage(sized, bytes, 0);
  return bytes;
}

/** @throws PeerError "MALFORMED", WireError: numbers beyond 2^53 - 2 included */
export function decodeMessage(bytes: Uint8Array): Message {
  const reader = new WireReader(bytes);
  const draft = { type: 0, to: 0n, from: 0n, term: 0, logTerm: 0, index: 0, commit: 0 };
  const entries: Entry[] = [];
  let snapshot: Snapshot | undefined;
  let reject = false;
  let rejectHint = 0;
  let context = EMPTY;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x08) draft.type = reader.varint32();
    else if (tag === 0x10) draft.to = reader.uint64();
    else if (tag === 0x18) draft.from = reader.uint64();
    else if (tag === 0x20) draft.term = reader.exact();
    else if (tag === 0x28) draft.logTerm = reader.exact();
    else if (tag === 0x30) draft.index = reader.exact();
    else if (tag === 0x3a) entries.push(nestedEntry(reader));
    else if (tag === 0x40) draft.commit = reader.exact();
    else if (tag === 0x4a) snapshot = decodeSnapshot(reader.bytes());
    else if (tag === 0x50) reject = reader.bool();
    else if (tag === 0x58) rejectHint = reader.exact();
    else if (tag === 0x62) context = reader.bytes();
    else reader.skipField(tag);
  }
  return {
    // A type of the future counts as none, like in etcd: it is never sent, and so it is ignored.
    type: (draft.type > MessageType.ForgetLeader ? MessageType.Hup : draft.type) as MessageType,
    to: draft.to,
    from: draft.from,
    term: draft.term,
    logTerm: draft.logTerm,
    index: draft.index,
    entries,
    commit: draft.commit,
    snapshot,
    reject,
    rejectHint,
    context,
  };
}

function nestedEntry(reader: WireReader): Entry {
  const end = reader.delimited();
  const entry = decodeEntry(new WireReader(reader.buffer, reader.position, end));
  reader.position = end;
  return entry;
}

function encodeSnapshotField(snapshot: Snapshot | undefined): Buffer {
  if (snapshot === undefined || snapshot.metadata.index === 0) return NO_SNAPSHOT;
  const { index, term, confState } = snapshot.metadata;
  const { voters, learners, votersOutgoing, learnersNext, autoLeave } = confState;
  // Snapshots are rare: the generated encoder does.
  const body = raftpb.Snapshot.encode({
    data: snapshot.data,
    metadata: {
      index,
      term,
      confState: {
        voters: [...voters],
        learners: [...learners],
        votersOutgoing: [...votersOutgoing],
        learnersNext: [...learnersNext],
        autoLeave,
      },
    },
  }).finish();
  const head = Buffer.allocUnsafe(1 + varintSize(body.length));
  writeVarint(head, writeByte(head, 0, 0x4a), body.length);
  return Buffer.concat([head, body]);
}

function decodeSnapshot(bytes: Uint8Array): Snapshot | undefined {
  const { data, metadata } = raftpb.Snapshot.decode(bytes);
  const index = checkNumber(metadata?.index ?? 0);
  if (metadata === undefined || index === 0) return undefined;
  const confState = metadata.confState ?? raftpb.ConfState.create();
  return { data, metadata: { index, term: checkNumber(metadata.term), confState } };
}

const encodedIds = new Map<MemberId, Buffer>();

/** An id as a varint. There are few ids and many messages, so the bytes are kept. */
function encodedId(id: MemberId): Buffer {
  let bytes = encodedIds.get(id);
  if (bytes === undefined) {
    if (encodedIds.size >= ENCODED_IDS_MAX) encodedIds.clear();
    bytes = Buffer.allocUnsafe(varintSize64(id));
    writeVarint64(bytes, 0, id);
    encodedIds.set(id, bytes);
  }
  return bytes;
}

function writeId(into: Buffer, at: number, id: MemberId): number {
  const bytes = encodedId(id);
  into.set(bytes, at);
  return at + bytes.length;
}

function writeByte(into: Buffer, at: number, byte: number): number {
  into[at] = byte;
  return at + 1;
}

/** The generated reader saturates, so the largest safe integer stands for anything above. */
function checkNumber(value: number): number {
  if (value >= 0 && value < Number.MAX_SAFE_INTEGER) return value;
  throw new PeerError("MALFORMED", "a term or index above 2^53 - 2");
}
