/** Texts as Go's fmt, strconv and time packages print them. */

/** `%q` of a string made of `bytes`. */
export function goQuote(text: string | Uint8Array): string {
  const bytes = typeof text === "string" ? Buffer.from(text) : Buffer.from(text);
  let out = '"';
  for (let i = 0; i < bytes.length; ) {
    const size = runeSize(bytes, i);
    if (size === 0) {
      out += `\\x${hex(bytes[i]!, 2)}`;
      i++;
      continue;
    }
    out += quoteRune(bytes.toString("utf8", i, i + size));
    i += size;
  }
  return `${out}"`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
  '"': '\\"',
};

/** Go's unicode.IsPrint, but for the space. */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u;

function quoteRune(rune: string): string {
  const short = ESCAPES[rune];
  if (short !== undefined) return short;
  if (rune === " " || PRINTABLE.test(rune)) return rune;
  const code = rune.codePointAt(0)!;
  if (code < 0x80) return `\\x${hex(code, 2)}`;
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

/** Bytes of the UTF-8 character at `at`; 0 when there is none. */
export function runeSize(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + size > bytes.length) return 0;
  try {
    STRICT.decode(bytes.subarray(at, at + size));
    return size;
  } catch {
    return 0;
  }
}

const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, "0");
}

/** `%016x`, with the sign of a negative id in front as Go prints an int64. */
export function hex16(id: bigint): string {
  return id < 0n ? `-${(-id).toString(16).padStart(15, "0")}` : id.toString(16).padStart(16, "0");
}

/** `%16x` of an unsigned id: padded with spaces. */
export function padded16(id: bigint): string {
  return BigInt.asUintN(64, id).toString(16).padStart(16, " ");
}

/** A time.Duration: "21.130663ms", "1m0.5s". */
export function goDuration(durationMs: number): string {
  const ns = Math.round(Math.abs(durationMs) * 1e6);
  const sign = durationMs < 0 ? "-" : "";
  if (ns === 0) return "0s";
  if (ns < 1e3) return `${sign}${ns}ns`;
  if (ns < 1e6) return `${sign}${decimal(ns, 1e3)}µs`;
  if (ns < 1e9) return `${sign}${decimal(ns, 1e6)}ms`;
  const minutes = Math.floor(ns / 60e9);
  const seconds = `${decimal(ns - minutes * 60e9, 1e9)}s`;
  if (minutes === 0) return sign + seconds;
  const hours = Math.floor(minutes / 60);
  return hours === 0
    ? `${sign}${minutes}m${seconds}`
    : `${sign}${hours}h${minutes % 60}m${seconds}`;
}

/** `value / unit` without trailing zeros; `unit` is a power of ten. */
function decimal(value: number, unit: number): string {
  const whole = Math.floor(value / unit);
  const digits = Math.round(Math.log10(unit));
  const rest = String(value - whole * unit)
    .padStart(digits, "0")
    .replace(/0+$/, "");
  return rest === "" ? String(whole) : `${whole}.${rest}`;
}

/** Bytes as go-humanize prints them: powers of 1000, one decimal below ten. */
export function humanBytes(sizeBytes: number): string {
  if (sizeBytes < 10) return `${sizeBytes} B`;
  const units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
  const power = Math.floor(Math.log(sizeBytes) / Math.log(1000));
  const value = Math.floor((sizeBytes / 1000 ** power) * 10 + 0.5) / 10;
  return `${value < 10 ? value.toFixed(1) : halfToEven(value)} ${units[power]}`;
}

/** Go's "%.0f": 20.5 becomes 20, 21.5 becomes 22. */
function halfToEven(value: number): number {
  const floor = Math.floor(value);
  return value - floor === 0.5 && floor % 2 === 0 ? floor : Math.round(value);
}
