import type { RawKeyValue } from "@kvorum/api";
import { varintSize, varintSize64, writeVarint, writeVarint64 } from "@kvorum/base";
import type { StoreEvent } from "../types.js";

/**
 * Wire bytes of WatchResponse and Event, written by hand because one event goes to thousands of
 * watchers whose responses differ only in `watch_id`:
 * ```
 * WatchResponse   0a len ResponseHeader   10 varint(watch_id)   flags   5a len Event ...
 *                 |------- head --------| |---- id field ----|          |--- body ----|
 * Event           [08 01: a delete]   12 len KeyValue   [1a len prev KeyValue]
 * ```
 * As in proto3, a field that is zero is left out: the id field of watch 0 is empty.
 */
const TAG_HEADER = 0x0a;
const TAG_WATCH_ID = 0x10;
const TAG_CREATED = 0x18;
const TAG_CANCELED = 0x20;
const TAG_COMPACT_REVISION = 0x28;
const TAG_CANCEL_REASON = 0x32;
const TAG_FRAGMENT = 0x38;
const TAG_EVENTS = 0x5a;
const TAG_EVENT_TYPE = 0x08;
const TAG_EVENT_KV = 0x12;
const TAG_EVENT_PREV_KV = 0x1a;
const EVENT_DELETE = 1;

/** The field that follows the id in every response of a fragmented one but the last. */
export const FRAGMENT_FIELD: Uint8Array = Uint8Array.of(TAG_FRAGMENT, 1);

/**
 * An element of `WatchResponse.events` with its tag and length.
 * @param prevKv undefined leaves the field out
 */
export function encodeEventField(event: StoreEvent, prevKv: RawKeyValue | undefined): Uint8Array {
  const { kv } = event;
  const isDelete = event.type === "delete";
  let length = (isDelete ? 2 : 0) + 1 + varintSize(kv.length) + kv.length;
  if (prevKv !== undefined) length += 1 + varintSize(prevKv.length) + prevKv.length;
  const bytes = Buffer.allocUnsafe(1 + varintSize(length) + length);
  bytes[0] = TAG_EVENTS;
  let at = writeVarint(bytes, 1, length);
  if (isDelete) {
    bytes[at++] = TAG_EVENT_TYPE;
    bytes[at++] = EVENT_DELETE;
  }
  at = writeBytesField(bytes, at, TAG_EVENT_KV, kv);
  if (prevKv !== undefined) writeBytesField(bytes, at, TAG_EVENT_PREV_KV, prevKv);
  return bytes;
}

/** The header field of a response. `header` is an encoded ResponseHeader. */
export function encodeHead(header: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + varintSize(header.length) + header.length);
  bytes[0] = TAG_HEADER;
  const at = writeVarint(bytes, 1, header.length);
  // For the twenty bytes of a header a loop costs less than a call of `set`.
  for (let i = 0; i < header.length; i++) bytes[at + i] = header[i]!;
  return bytes;
}

/** The id field of a response, empty for 0. A negative id takes ten bytes, as int64 does. */
export function encodeIdField(id: bigint): Uint8Array {
  if (id === 0n) return new Uint8Array(0);
  const bytes = new Uint8Array(1 + varintSize64(id));
  bytes[0] = TAG_WATCH_ID;
  writeVarint64(bytes, 1, id);
  return bytes;
}

/** What a response without events says. */
export interface ControlResponse {
  /** An encoded ResponseHeader. */
  readonly header: Uint8Array;
  readonly idField: Uint8Array;
  readonly created?: boolean;
  readonly canceled?: boolean;
  /** 0 leaves the field out. */
  readonly compactRevision?: number;
  readonly cancelReason?: string;
}

export function encodeControlResponse(response: ControlResponse): Uint8Array {
  const { header, idField, compactRevision = 0, cancelReason = "" } = response;
  const reason = Buffer.from(cancelReason, "utf8");
  const sizeMax = header.length + idField.length + reason.length + 32;
  const bytes = new Uint8Array(sizeMax);
  let at = writeBytesField(bytes, 0, TAG_HEADER, header);
  bytes.set(idField, at);
  at += idField.length;
  if (response.created === true) at = writeTrue(bytes, at, TAG_CREATED);
  if (response.canceled === true) at = writeTrue(bytes, at, TAG_CANCELED);
  if (compactRevision > 0) {
    bytes[at++] = TAG_COMPACT_REVISION;
    at = writeVarint(bytes, at, compactRevision);
  }
  if (reason.length > 0) at = writeBytesField(bytes, at, TAG_CANCEL_REASON, reason);
  return bytes.subarray(0, at);
}

function writeTrue(target: Uint8Array, offset: number, tag: number): number {
  target[offset] = tag;
  target[offset + 1] = 1;
  return offset + 2;
}

function writeBytesField(
  target: Uint8Array,
  offset: number,
  tag: number,
  value: Uint8Array,
): number {
  target[offset] = tag;
  const at = writeVarint(target, offset + 1, value.length);
  target.set(value, at);
  return at + value.length;
}
