/** The plain bytes of a raw Snappy block whose checksum was right. */
export function inflateSnappy(packed: Buffer): Buffer {
  const plain = Buffer.allocUnsafe(plainLength(packed, 0));
  inflateInto(plain, packed, 0, packed.length);
  return plain;
}

/** The number of plain bytes of the block that begins at `at`. */
export function plainLength(packed: Buffer, at: number): number {
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = packed[at++]!;
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return length;
  }
}

/**
 * Writes the plain bytes of the block at [at, end) to the start of `plain`, which has room for them.
 * Source: Snappy, format_description.txt.
 */
export function inflateInto(plain: Buffer, packed: Buffer, at: number, end: number): void {
  while (packed[at++]! >= 0x80);
  let filled = 0;
  while (at < end) {
    const tag = packed[at++]!;
    if ((tag & 3) === 0) {
      let count = (tag >> 2) + 1;
      if (count > 60) {
        const bytes = count - 60;
        count = packed.readUIntLE(at, bytes) + 1;
        at += bytes;
      }
      const to = filled + count;
      // The call costs as much as some dozens of bytes.
      if (count > NATIVE_BYTES_MIN) {
        packed.copy(plain, filled, at, at + count);
        at += count;
        filled = to;
      } else while (filled < to) plain[filled++] = packed[at++]!;
      continue;
    }
    let count = (tag >> 2) + 1;
    let offset: number;
    if ((tag & 3) === 1) {
      count = ((tag >> 2) & 7) + 4;
      offset = ((tag >> 5) << 8) | packed[at++]!;
    } else if ((tag & 3) === 2) {
      offset = packed[at]! | (packed[at + 1]! << 8);
      at += 2;
    } else {
      offset = packed.readUInt32LE(at);
      at += 4;
    }
    // Byte by byte, because a copy may overlap what it writes.
    for (const to = filled + count; filled < to; filled++) plain[filled] = plain[filled - offset]!;
  }
}

const NATIVE_BYTES_MIN = 64;
