const KEY_TAG = 0x0a;
const VALUE_TAG = 0x12;

/**
 * Recognises a PutRequest with nothing but a key and a value, as every client encodes it, without
 * decoding it:
 *
 *     0a length key 12 length value
 *
 * @returns the bytes of key and value together; 0 for any other message
 */
export function plainPutBytes(message: Uint8Array): number {
  if (message[0] !== KEY_TAG) return 0;
  const key = lengthAt(message, 1);
  const valueTagAt = 1 + sizeOfLength(key) + key;
  if (key <= 0 || message[valueTagAt] !== VALUE_TAG) return 0;
  const value = lengthAt(message, valueTagAt + 1);
  const end = valueTagAt + 1 + sizeOfLength(value) + value;
  return value > 0 && end === message.length ? key + value : 0;
}

/** The varint at `at` in its shortest form if that has one or two bytes, else -1. */
function lengthAt(message: Uint8Array, at: number): number {
  if (at + 1 >= message.length) return -1;
  const first = message[at]!;
  if (first < 0x80) return first;
  const second = message[at + 1]!;
  return second === 0 || second >= 0x80 ? -1 : (first & 0x7f) | (second << 7);
}

function sizeOfLength(length: number): number {
  return length < 0x80 ? 1 : 2;
}
