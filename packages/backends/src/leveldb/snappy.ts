/**
 * The plain bytes of a raw Snappy block; only index blocks, whose checksum has been checked, come
 * here. Source: Snappy, format_description.txt.
 */
export function inflateSnappy(packed: Buffer): Buffer {
  let at = 0;
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = packed[at++]!;
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  const plain = Buffer.allocUnsafe(length);
  let filled = 0;
  while (at < packed.length) {
    const tag = packed[at++]!;
    if ((tag & 3) === 0) {
      let count = (tag >> 2) + 1;
      if (count > 60) {
        const bytes = count - 60;
        count = packed.readUIntLE(at, bytes) + 1;
        at += bytes;
      }
      packed.copy(plain, filled, at, at + count);
      at += count;
      filled += count;
      continue;
    }
    const copy = readCopy(packed, at, tag);
    at = copy.next;
    // Byte by byte, because a copy may overlap what it writes.
    for (let i = 0; i < copy.count; i++, filled++) plain[filled] = plain[filled - copy.offset]!;
  }
  return plain;
}

function readCopy(
  packed: Buffer,
  at: number,
  tag: number,
): { readonly count: number; readonly offset: number; readonly next: number } {
  switch (tag & 3) {
    case 1:
      return { count: ((tag >> 2) & 7) + 4, offset: ((tag >> 5) << 8) | packed[at]!, next: at + 1 };
    case 2:
      return { count: (tag >> 2) + 1, offset: packed.readUInt16LE(at), next: at + 2 };
    default:
      return { count: (tag >> 2) + 1, offset: packed.readUInt32LE(at), next: at + 4 };
  }
}
