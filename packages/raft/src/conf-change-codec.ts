import {
  type MemberId,
  VARINT_BYTES_MAX,
  varintEnd,
  varintValue,
  varintValue64,
  writeVarint64,
} from "@kvorum/base";
import { emptyBytes } from "./messages.js";
import {
  type ConfChange,
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  type ConfChangeV2,
  EntryType,
} from "./types.js";

/**
 * The data of conf change entries: raftpb.ConfChange and raftpb.ConfChangeV2.
 *
 * ```
 *   ConfChange    08 id  10 type  18 nodeId  [22 length context]
 *   ConfChangeV2  08 transition  (12 length (08 type 10 nodeId))*  [1a length context]
 * ```
 *
 * The core has to read them because a leader checks a forwarded change before it appends it. The
 * empty ConfChangeV2 is written as no bytes at all, as etcd does.
 */
export function encodeConfChange(change: ConfChange | ConfChangeV2): {
  readonly type: EntryType;
  readonly data: Uint8Array;
} {
  const out: number[] = [];
  if (!("changes" in change)) {
    writeField(out, 1, change.id);
    writeField(out, 2, BigInt(change.type));
    writeField(out, 3, change.nodeId);
    writeBytes(out, 4, change.context);
    return { type: EntryType.ConfChange, data: Uint8Array.from(out) };
  }
  const isEmpty =
    change.changes.length === 0 &&
    change.context.length === 0 &&
    change.transition === ConfChangeTransition.Auto;
  if (isEmpty) return { type: EntryType.ConfChangeV2, data: emptyBytes };
  writeField(out, 1, BigInt(change.transition));
  for (const single of change.changes) {
    const inner: number[] = [];
    writeField(inner, 1, BigInt(single.type));
    writeField(inner, 2, single.nodeId);
    writeBytes(out, 2, inner);
  }
  writeBytes(out, 3, change.context);
  return { type: EntryType.ConfChangeV2, data: Uint8Array.from(out) };
}

/** The change in an entry's data; undefined when the bytes are no such message. */
export function decodeConfChange(
  type: EntryType,
  data: Uint8Array,
): ConfChange | ConfChangeV2 | undefined {
  const fields = readFields(data);
  if (fields === undefined) return undefined;
  return type === EntryType.ConfChange ? decodeV1(fields) : decodeV2(fields);
}

type Field = { readonly number: number; readonly value: bigint; readonly bytes: Uint8Array };

function decodeV1(fields: readonly Field[]): ConfChange | undefined {
  let id = 0n;
  let type: number = ConfChangeType.AddNode;
  let nodeId: MemberId = 0n;
  let context: Uint8Array = emptyBytes;
  for (const field of fields) {
    if (field.number === 1) id = field.value;
    else if (field.number === 2) type = Number(field.value);
    else if (field.number === 3) nodeId = field.value;
    else if (field.number === 4) context = field.bytes;
  }
  return isChangeType(type) ? { id, type, nodeId, context } : undefined;
}

function decodeV2(fields: readonly Field[]): ConfChangeV2 | undefined {
  let transition: number = ConfChangeTransition.Auto;
  let context: Uint8Array = emptyBytes;
  const changes: ConfChangeSingle[] = [];
  for (const field of fields) {
    if (field.number === 1) transition = Number(field.value);
    else if (field.number === 3) context = field.bytes;
    else if (field.number === 2) {
      const single = decodeSingle(field.bytes);
      if (single === undefined) return undefined;
      changes.push(single);
    }
  }
  return isTransition(transition) ? { transition, changes, context } : undefined;
}

function decodeSingle(data: Uint8Array): ConfChangeSingle | undefined {
  const fields = readFields(data);
  if (fields === undefined) return undefined;
  let type: number = ConfChangeType.AddNode;
  let nodeId: MemberId = 0n;
  for (const field of fields) {
    if (field.number === 1) type = Number(field.value);
    else if (field.number === 2) nodeId = field.value;
  }
  return isChangeType(type) ? { type, nodeId } : undefined;
}

function isChangeType(value: number): value is ConfChangeType {
  return Object.values<number>(ConfChangeType).includes(value);
}

function isTransition(value: number): value is ConfChangeTransition {
  return Object.values<number>(ConfChangeTransition).includes(value);
}

function writeField(out: number[], number: number, value: bigint): void {
  out.push(number << 3);
  pushVarint(out, value);
}

function writeBytes(out: number[], number: number, bytes: ArrayLike<number>): void {
  if (bytes.length === 0) return;
  out.push((number << 3) | 2);
  pushVarint(out, BigInt(bytes.length));
  for (let i = 0; i < bytes.length; i++) out.push(bytes[i]!);
}

function pushVarint(out: number[], value: bigint): void {
  const bytes = new Uint8Array(VARINT_BYTES_MAX);
  out.push(...bytes.subarray(0, writeVarint64(bytes, 0, value)));
}

/** Varint and length-delimited fields; anything else makes the message unreadable. */
function readFields(data: Uint8Array): readonly Field[] | undefined {
  const fields: Field[] = [];
  let at = 0;
  while (at < data.length) {
    const tagEnd = varintEnd(data, at, data.length);
    if (tagEnd < 0) return undefined;
    const headEnd = varintEnd(data, tagEnd, data.length);
    if (headEnd < 0) return undefined;
    const number = Math.floor(varintValue(data, at, tagEnd) / 8);
    const wireType = data[at]! & 7;
    if (number === 0) return undefined;
    if (wireType === 0) {
      fields.push({ number, value: varintValue64(data, tagEnd, headEnd), bytes: emptyBytes });
      at = headEnd;
    } else if (wireType === 2) {
      at = headEnd + varintValue(data, tagEnd, headEnd);
      if (at > data.length) return undefined;
      fields.push({ number, value: 0n, bytes: data.subarray(headEnd, at) });
    } else {
      return undefined;
    }
  }
  return fields;
}
