import { WireError, WireReader } from "@kvorum/api";
import type { Snapshot, SnapshotMetadata } from "@kvorum/raft";
import { decodeConfState, encodeConfState } from "../conf-state.js";
import { crc32c } from "../crc32c.js";
import { MessageWriter } from "../message-writer.js";
import { StorageError } from "../storage-error.js";

const NO_BYTES = Buffer.alloc(0);

/**
 * The content of a .snap file: snappb.snapshot {crc, data} around a raftpb.Snapshot
 * {data, metadata {conf state, index, term}}, whose data are the v2 store as JSON.
 */
export function encodeSnapFile(snapshot: Snapshot): Buffer {
  const bytes = encodeSnapshot(snapshot);
  return new MessageWriter().number(1, crc32c(bytes, 0)).bytes(2, bytes).finish();
}

/** @throws StorageError "CORRUPT" */
export function decodeSnapFile(file: Uint8Array): Snapshot {
  try {
    const { crc, data } = decodeEnvelope(file);
    if (data.length === 0 || crc === 0) throw new WireError("snap: empty snapshot");
    const actual = crc32c(data, 0);
    if (actual !== crc) {
      throw new WireError(
        `snap: crc mismatch: 0x${crc.toString(16)} is written, 0x${actual.toString(16)} computed`,
      );
    }
    return decodeSnapshot(data);
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause;
    throw new StorageError("CORRUPT", cause.message, { cause });
  }
}

function encodeSnapshot({ data, metadata }: Snapshot): Buffer {
  const writer = new MessageWriter();
  if (data.length > 0) writer.bytes(1, data);
  const { confState, index, term } = metadata;
  return writer
    .bytes(
      2,
      new MessageWriter()
        .bytes(1, encodeConfState(confState))
        .number(2, index)
        .number(3, term)
        .finish(),
    )
    .finish();
}

function decodeEnvelope(file: Uint8Array): { readonly crc: number; readonly data: Uint8Array } {
  let crc = 0;
  let data: Uint8Array = NO_BYTES;
  const reader = new WireReader(file);
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x08) crc = reader.varint32();
    else if (tag === 0x12) data = reader.bytes();
    else reader.skipField(tag);
  }
  return { crc, data };
}

function decodeSnapshot(bytes: Uint8Array): Snapshot {
  let data: Uint8Array = NO_BYTES;
  let metadata = decodeMetadata(NO_BYTES);
  const reader = new WireReader(bytes);
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x0a) data = reader.bytes();
    else if (tag === 0x12) metadata = decodeMetadata(reader.bytes());
    else reader.skipField(tag);
  }
  return { data, metadata };
}

function decodeMetadata(bytes: Uint8Array): SnapshotMetadata {
  let confState = decodeConfState(NO_BYTES);
  let index = 0;
  let term = 0;
  const reader = new WireReader(bytes);
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x0a) confState = decodeConfState(reader.bytes());
    else if (tag === 0x10) index = reader.exact();
    else if (tag === 0x18) term = reader.exact();
    else reader.skipField(tag);
  }
  return { confState, index, term };
}
