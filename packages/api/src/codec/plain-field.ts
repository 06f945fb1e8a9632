/**
 * Where the length-delimited field ends whose one-byte tag stands at `at`: tag, length, content.
 * @returns -1 when it is empty, reaches beyond `end`, or its length is no varint of one or two bytes
 *   in its shortest form
 */
export function fieldEnd(message: Uint8Array, at: number, end: number): number {
  if (at + 2 >= end) return -1;
  let length = message[at + 1]!;
  let start = at + 2;
  if (length >= 0x80) {
    const high = message[start++]!;
    if (high === 0 || high >= 0x80) return -1;
    length = (length & 0x7f) | (high << 7);
  }
  return length === 0 || start + length > end ? -1 : start + length;
}

/** Where the content of a field begins for which `fieldEnd` found an end. */
export function fieldStart(message: Uint8Array, at: number): number {
  return message[at + 1]! < 0x80 ? at + 2 : at + 3;
}
