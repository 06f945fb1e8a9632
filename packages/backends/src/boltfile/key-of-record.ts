import { varintEnd, varintValue } from "@kvorum/base";

const KEY_FIELD = 1;
const WIRE_VARINT = 0;
const WIRE_FIXED64 = 1;
const WIRE_BYTES = 2;
const WIRE_FIXED32 = 5;
const EMPTY = new Uint8Array(0);

/**
 * Field 1 (the key) of an encoded `mvccpb.KeyValue`, as a slice of it; empty when absent, as in the
 * empty record that `--bump-revision` writes. Undefined when the bytes are no protobuf message.
 */
export function keyOfRecord(record: Uint8Array): Uint8Array | undefined {
  let keyStart = 0;
  let keyEnd = 0;
  let at = 0;
  while (at < record.length) {
    const tagEnd = varintEnd(record, at, record.length);
    if (tagEnd < 0) return undefined;
    const tag = varintValue(record, at, tagEnd);
    const field = Math.floor(tag / 8);
    const wireType = tag % 8;
    let start = tagEnd;
    let end = -1;
    if (wireType === WIRE_VARINT) end = varintEnd(record, start, record.length);
    else if (wireType === WIRE_FIXED64) end = start + 8;
    else if (wireType === WIRE_FIXED32) end = start + 4;
    else if (wireType === WIRE_BYTES) {
      const sizeEnd = varintEnd(record, start, record.length);
      if (sizeEnd < 0) return undefined;
      end = sizeEnd + varintValue(record, start, sizeEnd);
      start = sizeEnd;
    }
    if (field === 0 || end < 0 || end > record.length) return undefined;
    if (field === KEY_FIELD) {
      if (wireType !== WIRE_BYTES) return undefined;
      keyStart = start;
      keyEnd = end;
    }
    at = end;
  }
  return keyEnd === keyStart ? EMPTY : record.subarray(keyStart, keyEnd);
}
