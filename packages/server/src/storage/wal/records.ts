import { WireReader } from "@kvorum/api";
import type { ClusterId, LogIndex, MemberId, Term } from "@kvorum/base";
import type { ConfState, HardState } from "@kvorum/raft";
import { decodeConfState, encodeConfState } from "../conf-state.js";
import { MessageWriter } from "../message-writer.js";

/**
 * The records of the log. A frame on disk:
 *
 *     0        8                              8+L            8+L+P
 *     +--------+------------------------------+--------------+
 *     | length | walpb.Record                 | P zero bytes |   L + P is a multiple of 8
 *     +--------+------------------------------+--------------+
 *
 *     length, little-endian:  bits 0-55 L,  bits 56-58 P,  bit 63 set when P > 0
 *     a length of 0 ends the data of a file
 *
 *     Record:  08 type  10 crc  1a length data      (a crc record has no data)
 *
 * `crc` is the CRC-32C of the data of all records so far, over file borders; a crc record at the
 * head of each file repeats the value that the file before ended with.
 */
export const RecordType = { Metadata: 1, Entry: 2, State: 3, Crc: 4, Snapshot: 5 } as const;
export type RecordType = (typeof RecordType)[keyof typeof RecordType];

export interface WalRecord {
  /** May be a value that is no RecordType. */
  readonly type: number;
  readonly crc: number;
  /** A view of the reader's memory. */
  readonly data: Uint8Array;
}

/** Whose log this is; stands at the head of every segment. */
export interface WalMetadata {
  readonly memberId: MemberId;
  readonly clusterId: ClusterId;
}

/** Says that a snapshot of the state at `index` was saved. */
export interface WalSnapshot {
  readonly index: LogIndex;
  readonly term: Term;
  /** Undefined only at index 0 and in logs of old versions. */
  readonly confState?: ConfState | undefined;
}

export const EMPTY_HARD_STATE: HardState = { term: 0, vote: 0n, commit: 0 };

export function isEmptyHardState(state: HardState): boolean {
  return state.term === 0 && state.vote === 0n && state.commit === 0;
}

const NO_BYTES = Buffer.alloc(0);

/** @throws WireError */
export function decodeRecord(bytes: Uint8Array, start: number, end: number): WalRecord {
  let type = 0;
  let crc = 0;
  let data: Uint8Array = NO_BYTES;
  const reader = new WireReader(bytes, start, end);
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x08) type = reader.varint32();
    else if (tag === 0x10) crc = reader.varint32();
    else if (tag === 0x1a) data = reader.bytes();
    else reader.skipField(tag);
  }
  return { type, crc, data };
}

export function encodeHardState(state: HardState): Buffer {
  return new MessageWriter()
    .number(1, state.term)
    .uint64(2, state.vote)
    .number(3, state.commit)
    .finish();
}

/** @throws WireError */
export function decodeHardState(bytes: Uint8Array): HardState {
  let term = 0;
  let vote = 0n;
  let commit = 0;
  const reader = new WireReader(bytes);
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x08) term = reader.exact();
    else if (tag === 0x10) vote = reader.uint64();
    else if (tag === 0x18) commit = reader.exact();
    else reader.skipField(tag);
  }
  return { term, vote, commit };
}

export function encodeMetadata(metadata: WalMetadata): Buffer {
  return new MessageWriter().uint64(1, metadata.memberId).uint64(2, metadata.clusterId).finish();
}

/** @throws WireError */
export function decodeMetadata(bytes: Uint8Array): WalMetadata {
  let memberId = 0n;
  let clusterId = 0n;
  const reader = new WireReader(bytes);
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x08) memberId = reader.uint64();
    else if (tag === 0x10) clusterId = reader.uint64();
    else reader.skipField(tag);
  }
  return { memberId, clusterId };
}

export function encodeWalSnapshot(snapshot: WalSnapshot): Buffer {
  const writer = new MessageWriter().number(1, snapshot.index).number(2, snapshot.term);
  if (snapshot.confState !== undefined) writer.bytes(3, encodeConfState(snapshot.confState));
  return writer.finish();
}

/** @throws WireError */
export function decodeWalSnapshot(bytes: Uint8Array): WalSnapshot {
  let index = 0;
  let term = 0;
  let confState: ConfState | undefined;
  const reader = new WireReader(bytes);
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x08) index = reader.exact();
    else if (tag === 0x10) term = reader.exact();
    else if (tag === 0x1a) confState = decodeConfState(reader.bytes());
    else reader.skipField(tag);
  }
  return { index, term, confState };
}
