/** The scalars of protobuf's JSON form, with what Go's protojson takes for them. */

const NUMBER = /^(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([-+]?[0-9]+))?(?![-+._a-zA-Z0-9])/;

/** Digits that an integer of 64 bits can need, and some. Source: protojson. */
const DIGITS_MAX = 20;

export interface IntegerRange {
  readonly min: bigint;
  readonly max: bigint;
}

export const INTEGER_RANGES = {
  int32: { min: -(2n ** 31n), max: 2n ** 31n - 1n },
  uint32: { min: 0n, max: 2n ** 32n - 1n },
  int64: { min: -(2n ** 63n), max: 2n ** 63n - 1n },
  uint64: { min: 0n, max: 2n ** 64n - 1n },
} as const satisfies Record<string, IntegerRange>;

/** A JSON number that has no fraction, as "12", "1.2e1" or "120e-1"; undefined: it is none. */
export function parseInteger(text: string, { min, max }: IntegerRange): bigint | undefined {
  const match = NUMBER.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = "", fraction = "", exponentText = "0"] = match;
  const digits = shiftPoint(whole, fraction.replace(/0+$/, ""), Number(exponentText));
  if (digits === undefined || (sign === "-" && min === 0n)) return undefined;
  const value = BigInt(sign + digits);
  return value < min || value > max ? undefined : value;
}

/** The digits of an integer, or undefined when some stand behind the point, or there are too many. */
function shiftPoint(whole: string, fraction: string, exponent: number): string | undefined {
  if (exponent >= 0) {
    const zeros = exponent - fraction.length;
    if (zeros < 0) return undefined;
    if (/^0*$/.test(whole + fraction)) return "0";
    if (whole.length + exponent > DIGITS_MAX) return undefined;
    return whole + fraction + "0".repeat(zeros);
  }
  if (fraction !== "") return undefined;
  const kept = Math.max(0, whole.length + exponent);
  return /^0*$/.test(whole.slice(kept)) ? whole.slice(0, kept) || "0" : undefined;
}

/** A string that holds a number and no spaces around it. */
export function parseQuotedInteger(text: string, range: IntegerRange): bigint | undefined {
  return text.trim() === text ? parseInteger(text, range) : undefined;
}

/** Base64 with either alphabet, padded to four characters or not at all; undefined: it is none. */
export function parseBase64(text: string): Buffer | undefined {
  const isPadded = text.length % 4 === 0;
  const joined = text.replace(/[\r\n]/g, "");
  const alphabet = /[-_]/.test(joined) ? /^[-_A-Za-z0-9]*(=*)$/ : /^[+/A-Za-z0-9]*(=*)$/;
  const match = alphabet.exec(joined);
  if (match === null) return undefined;
  const padding = match[1]!.length;
  const rest = (joined.length - padding) % 4;
  const isWhole = isPadded ? padding === (4 - rest) % 4 : padding === 0;
  return rest !== 1 && isWhole ? Buffer.from(joined, "base64") : undefined;
}
