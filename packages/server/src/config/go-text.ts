/** Text forms of Go's standard library, as far as etcd's command line and messages show them. */

const TRUE_WORDS = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const FALSE_WORDS = new Set(["0", "f", "F", "FALSE", "false", "False"]);

/** strconv.ParseBool; undefined where Go reports a syntax error. */
export function parseGoBool(text: string): boolean | undefined {
  if (TRUE_WORDS.has(text)) return true;
  return FALSE_WORDS.has(text) ? false : undefined;
}

const INTEGER = /^([+-]?)(0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]*|[1-9][0-9_]*)$/;
const MISPLACED_UNDERSCORE = /^[+-]?_|__|_$/;

/**
 * strconv.ParseInt(text, 0, …): decimal, 0x, 0o, 0b and a leading 0 for octal, underscores
 * between digits. Exact, so as a bigint; undefined where Go reports a syntax error.
 */
export function parseGoInteger(text: string): bigint | undefined {
  const found = INTEGER.exec(text);
  if (!found || MISPLACED_UNDERSCORE.test(text)) return undefined;
  const digits = found[2]!.replaceAll("_", "");
  if (/^0[xXbBoO]$/.test(digits)) return undefined;
  const value = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
  return found[1] === "-" ? -value : value;
}

const UNIT_NANOSECONDS: ReadonlyMap<string, number> = new Map([
  ["ns", 1],
  ["us", 1e3],
  ["\u00b5s", 1e3],
  ["\u03bcs", 1e3],
  ["ms", 1e6],
  ["s", 1e9],
  ["m", 60e9],
  ["h", 3600e9],
]);
const DURATION_PART = /(\d+\.?\d*|\.\d+)([^\d.]+)/y;
const DURATION_NANOSECONDS_MAX = 2 ** 63;

/** time.ParseDuration in nanoseconds ("1m30s" is 90e9); undefined where Go reports an error. */
export function parseGoDuration(text: string): number | undefined {
  const sign = text.startsWith("-") ? -1 : 1;
  const body = /^[+-]/.test(text) ? text.slice(1) : text;
  if (body === "0") return 0;
  let total = 0;
  let at = 0;
  while (at < body.length) {
    DURATION_PART.lastIndex = at;
    const part = DURATION_PART.exec(body);
    const unit = part === null ? undefined : UNIT_NANOSECONDS.get(part[2]!);
    if (part === null || unit === undefined) return undefined;
    total += Number(part[1]) * unit;
    at = DURATION_PART.lastIndex;
  }
  if (body === "" || total >= DURATION_NANOSECONDS_MAX) return undefined;
  return total === 0 ? 0 : sign * Math.trunc(total);
}

/** time.Duration.String, from nanoseconds: "1m30s", "100ms", "0s". */
export function formatGoDuration(nanoseconds: number): string {
  const sign = nanoseconds < 0 ? "-" : "";
  const size = Math.abs(nanoseconds);
  if (size === 0) return "0s";
  if (size < 1e3) return `${sign}${size}ns`;
  if (size < 1e6) return `${sign}${size / 1e3}\u00b5s`;
  if (size < 1e9) return `${sign}${size / 1e6}ms`;
  const hours = Math.floor(size / 3600e9);
  const minutes = Math.floor((size % 3600e9) / 60e9);
  const seconds = (size % 60e9) / 1e9;
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}s`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}s` : `${sign}${seconds}s`;
}
