/**
 * What a CRC-32C becomes when zeros follow: `state` after so many bytes of value 0, with a few
 * look-ups whatever the count. That makes the checksum of records in one piece of memory out of
 * the checksums that each of them has: CRCs are linear, so the state behind `a` and `b` is the
 * state behind `a` extended by the length of `b`, exclusive or the state of `b` alone.
 *
 * A state is a polynomial over GF(2) with x^0 in its highest bit. A zero byte multiplies it by x^8,
 * modulo the polynomial of the CRC; so a count of bytes, split into digits of base 256, is one
 * multiplication by a constant for each digit, and each of these one table of 4 KiB. At most 1,024
 * tables come about, in practice one or two for each length of a record.
 */
export class ZeroExtension {
  /** By place and value of the digit. */
  readonly #tables: (Int32Array | undefined)[] = [];

  /** @param byteCount below 2^32 */
  extend(state: number, byteCount: number): number {
    let extended = state;
    for (let left = byteCount, place = 0; left > 0; left >>>= 8, place += 256) {
      const digit = left & 0xff;
      if (digit === 0) continue;
      const table = this.#tables[place + digit] ?? this.#makeTable(place, digit);
      extended =
        table[extended & 0xff]! ^
        table[256 + ((extended >>> 8) & 0xff)]! ^
        table[512 + ((extended >>> 16) & 0xff)]! ^
        table[768 + (extended >>> 24)]!;
    }
    return extended;
  }

  /** Products of one constant with each value of each byte of a state. */
  #makeTable(place: number, digit: number): Int32Array {
    const constant = zeroBytes(digit * 2 ** (place / 32));
    const table = new Int32Array(4 * 256);
    for (let byte = 0; byte < 4; byte++) {
      const at = 256 * byte;
      for (let bit = 0; bit < 8; bit++) {
        const product = multiply(1 << (8 * byte + bit), constant);
        const value = 1 << bit;
        for (let lower = 0; lower < value; lower++) {
          table[at + value + lower] = table[at + lower]! ^ product;
        }
      }
    }
    this.#tables[place + digit] = table;
    return table;
  }
}

/** x^(8 * count) */
function zeroBytes(count: number): number {
  let power = ONE;
  let square = ONE >>> 8;
  for (let left = count; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) power = multiply(power, square);
    square = multiply(square, square);
  }
  return power;
}

function multiply(left: number, right: number): number {
  let product = 0;
  let shifted = right;
  for (let bit = 31; bit >= 0; bit--) {
    if (((left >>> bit) & 1) === 1) product ^= shifted;
    shifted = (shifted >>> 1) ^ ((shifted & 1) === 1 ? POLYNOMIAL : 0);
  }
  return product;
}

/** x^0 */
const ONE = 0x8000_0000 | 0;
/** Of CRC-32C, the lowest power in the highest bit. */
const POLYNOMIAL = 0x82f6_3b78 | 0;
