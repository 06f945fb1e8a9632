const KEY_TAG = 0x0a;
const SERIALIZABLE_TAG = 0x38;
/** A length above this takes more than one byte. */
const SHORT_KEY_BYTES_MAX = 0x7f;
/** Where the key of a plain range begins. */
export const PLAIN_RANGE_KEY_START = 2;

/**
 * Recognises the most frequent request of all, a RangeRequest with nothing but a key, and perhaps
 * `serializable`, as every client encodes it, without decoding it:
 *
 *     0a length key            linearizable
 *     0a length key 38 01      serializable: the message is longer than the key's end
 *
 * @returns where its key ends, which begins at `PLAIN_RANGE_KEY_START`; 0 for any other message
 */
export function plainRangeKeyEnd(message: Uint8Array): number {
  const length = message.length;
  if (length <= PLAIN_RANGE_KEY_START || message[0] !== KEY_TAG) return 0;
  const keyBytes = message[1]!;
  if (keyBytes === 0 || keyBytes > SHORT_KEY_BYTES_MAX) return 0;
  const end = PLAIN_RANGE_KEY_START + keyBytes;
  if (length === end) return end;
  const isSerializable =
    length === end + 2 && message[end] === SERIALIZABLE_TAG && message[end + 1] === 1;
  return isSerializable ? end : 0;
}
