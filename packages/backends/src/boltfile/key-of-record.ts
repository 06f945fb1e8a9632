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
  let key: Uint8Array = EMPTY;
  let at = 0;
  while (at < record.length) {
    const tag = readVarint(record, at);
    if (tag === undefined) return undefined;
    at = tag.end;
    const field = Math.floor(tag.value / 8);
    const wireType = tag.value % 8;
    if (field === 0) return undefined;
    const start = valueStart(record, at, wireType);
    const end = valueEnd(record, at, wireType);
    if (start === undefined || end === undefined || end > record.length) return undefined;
    if (field === KEY_FIELD) {
      if (wireType !== WIRE_BYTES) return undefined;
      key = record.subarray(start, end);
    }
    at = end;
  }
  return key;
}

function valueStart(record: Uint8Array, at: number, wireType: number): number | undefined {
  return wireType === WIRE_BYTES ? readVarint(record, at)?.end : at;
}

function valueEnd(record: Uint8Array, at: number, wireType: number): number | undefined {
  if (wireType === WIRE_FIXED64) return at + 8;
  if (wireType === WIRE_FIXED32) return at + 4;
  const number = readVarint(record, at);
  if (number === undefined) return undefined;
  if (wireType === WIRE_VARINT) return number.end;
  return wireType === WIRE_BYTES ? number.end + number.value : undefined;
}

/** Values past 2^53 lose low digits, which is fine: none here is used but as a length. */
function readVarint(
  bytes: Uint8Array,
  start: number,
): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[start + i];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, end: start + i + 1 };
  }
  return undefined;
}
