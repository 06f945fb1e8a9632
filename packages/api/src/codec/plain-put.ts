import { fieldEnd, fieldStart } from "./plain-field.js";

const KEY_TAG = 0x0a;
const VALUE_TAG = 0x12;

/**
 * Recognises a PutRequest with nothing but a key and a value, as every client encodes it, without
 * decoding it:
 *
 *     0a length key 12 length value
 *
 * It stands at [start, end) of `message`.
 * @returns the bytes of key and value together; 0 for any other message
 */
export function plainPutBytes(message: Uint8Array, start = 0, end = message.length): number {
  if (message[start] !== KEY_TAG) return 0;
  const keyEnd = fieldEnd(message, start, end);
  if (keyEnd < 0 || message[keyEnd] !== VALUE_TAG) return 0;
  if (fieldEnd(message, keyEnd, end) !== end) return 0;
  return keyEnd - fieldStart(message, start) + end - fieldStart(message, keyEnd);
}
