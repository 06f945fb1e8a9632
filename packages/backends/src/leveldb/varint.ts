/** A little-endian base-128 number at `at`, and where it ends. Exact up to 2^53. */
export function readVarint(
  bytes: Buffer,
  at: number,
): { readonly value: number; readonly next: number } {
  let value = 0;
  let scale = 1;
  let next = at;
  for (;;) {
    const byte = bytes[next++] ?? 0;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return { value, next };
    scale *= 128;
  }
}
