import type { Snapshot } from "@kvorum/raft";
import { decodeConfState, encodeConfState } from "../conf-state.js";
import { crc32c } from "../crc32c.js";
import { StorageError } from "../storage-error.js";
import { MessageReader, MessageWriter, WireError, WireType } from "../wire.js";

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
  let data: Uint8Array = Buffer.alloc(0);
  const reader = new MessageReader(file);
  while (reader.next()) {
    if (reader.is(1, WireType.Varint)) crc = reader.number() >>> 0;
    else if (reader.is(2, WireType.Bytes)) data = reader.bytes();
    else reader.skip();
  }
  return { crc, data };
}

function decodeSnapshot(bytes: Uint8Array): Snapshot {
  let data: Uint8Array = Buffer.alloc(0);
  let confState = decodeConfState(data);
  let index = 0;
  let term = 0;
  const reader = new MessageReader(bytes);
  while (reader.next()) {
    if (reader.is(1, WireType.Bytes)) data = reader.bytes();
    else if (reader.is(2, WireType.Bytes)) {
      const metadata = new MessageReader(reader.bytes());
      while (metadata.next()) {
        if (metadata.is(1, WireType.Bytes)) confState = decodeConfState(metadata.bytes());
        else if (metadata.is(2, WireType.Varint)) index = metadata.number();
        else if (metadata.is(3, WireType.Varint)) term = metadata.number();
        else metadata.skip();
      }
    } else reader.skip();
  }
  return { data, metadata: { confState, index, term } };
}
