/** Texts as Go's fmt and time packages print them. */

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
