const MASK_DELTA = 0xa282ead8;

/** The CRC-32C that LevelDB stored rotated and shifted, so that a checksum of checksums holds. */
export function unmask(masked: number): number {
  const rotated = (masked - MASK_DELTA) >>> 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
}
