import { goQuote } from "@kvorum/base";
import { CtlError } from "./ctl-error.js";

type FlagType = "bool" | "string" | "int" | "uint" | "duration" | "strings";

/** One flag of a command: its type tells how its text is read. */
export interface Flag<T> {
  readonly type: FlagType;
  readonly initial: T;
  readonly usage: string;
  readonly shorthand?: string;
  readonly isHidden?: boolean;
}

export type Flags = Readonly<Record<string, Flag<FlagValue>>>;
export type FlagValue = boolean | string | number | readonly string[];
export type FlagValues<F extends Flags> = {
  readonly [Name in keyof F]: F[Name] extends Flag<infer T> ? T : never;
};

interface Extras {
  readonly shorthand?: string;
  readonly isHidden?: boolean;
}

/** Makers of flags; durations are milliseconds. */
export const flag = {
  bool: (usage: string, initial = false, extras: Extras = {}): Flag<boolean> => {
    return { type: "bool", initial, usage, ...extras };
  },
  string: (usage: string, initial = "", extras: Extras = {}): Flag<string> => {
    return { type: "string", initial, usage, ...extras };
  },
  /** An int64, saturated at 2^53 - 1: revisions and limits stay far below. */
  int: (usage: string, initial = 0, extras: Extras = {}): Flag<number> => {
    return { type: "int", initial, usage, ...extras };
  },
  uint: (usage: string, initial = 0, extras: Extras = {}): Flag<number> => {
    return { type: "uint", initial, usage, ...extras };
  },
  duration: (usage: string, initialMs: number, extras: Extras = {}): Flag<number> => {
    return { type: "duration", initial: initialMs, usage, ...extras };
  },
  /** A list with commas; given again it grows. */
  strings: (
    usage: string,
    initial: readonly string[],
    extras: Extras = {},
  ): Flag<readonly string[]> => {
    return { type: "strings", initial, usage, ...extras };
  },
} as const;

/** The value that `text` means. @throws CtlError with pflag's text */
export function parseFlag(name: string, { type, shorthand }: Flag<FlagValue>, text: string) {
  const result = READERS[type](text);
  if (typeof result !== "object" || !("fault" in result)) return result;
  const spelled = shorthand === undefined ? `--${name}` : `-${shorthand}, --${name}`;
  const what = `invalid argument ${goQuote(text)} for ${goQuote(spelled)} flag`;
  throw new CtlError("error", `${what}: ${result.fault}`);
}

type Fault = { readonly fault: string };

const READERS: Readonly<Record<FlagType, (text: string) => FlagValue | Fault>> = {
  bool: readBool,
  string: (text) => text,
  int: (text) => readInteger(text, "ParseInt"),
  uint: (text) => readInteger(text, "ParseUint"),
  duration: readDuration,
  strings: (text) => (text === "" ? [] : text.split(",")),
};

function readBool(text: string): boolean | Fault {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(text)) return false;
  return { fault: `strconv.ParseBool: parsing ${goQuote(text)}: invalid syntax` };
}

/** Go's strconv with base 0: decimal, 0x, 0o, 0b, a leading 0 means octal. */
function readInteger(text: string, what: "ParseInt" | "ParseUint"): number | Fault {
  const value = parseInteger(text, { bits: 64, isSigned: what === "ParseInt", base: 0 });
  if (typeof value === "bigint") return saturated(value);
  return { fault: `strconv.${what}: parsing ${goQuote(text)}: ${value}` };
}

/** Revisions and limits as numbers; whatever is larger means "no bound" all the same. */
export function saturated(value: bigint): number {
  const bound = BigInt(Number.MAX_SAFE_INTEGER);
  return Number(value > bound ? bound : value < -bound ? -bound : value);
}

/** Go's strconv.ParseInt and ParseUint; a text instead of a value is the reason of the failure. */
export function parseInteger(
  text: string,
  form: { readonly base: 0 | 10 | 16; readonly isSigned: boolean; readonly bits: 64 },
): bigint | "invalid syntax" | "value out of range" {
  const match = (form.isSigned ? /^([+-]?)(.*)$/s : /^()(.*)$/s).exec(text)!;
  const digits = match[2]!;
  const isDigits = { 0: BASE_0, 10: /^[0-9]+$/, 16: /^[0-9a-fA-F]+$/ }[form.base].test(digits);
  if (!isDigits) return "invalid syntax";
  const magnitude = BigInt(
    form.base === 16 ? `0x${digits}` : withoutLeadingZero(digits, form.base),
  );
  const value = match[1] === "-" ? -magnitude : magnitude;
  const fits = form.isSigned
    ? BigInt.asIntN(64, value) === value
    : BigInt.asUintN(64, value) === value;
  return fits ? value : "value out of range";
}

const BASE_0 = /^(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]*|[1-9][0-9]*)$/;

/** Go reads "017" as octal in base 0 and as seventeen in base 10; BigInt reads neither so. */
function withoutLeadingZero(digits: string, base: 0 | 10): string {
  const isOctal = base === 0 && /^0[0-7]+$/.test(digits);
  return isOctal ? `0o${digits.slice(1)}` : digits.toLowerCase();
}

const UNITS_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** Go's time.ParseDuration. */
function readDuration(text: string): number | Fault {
  const match = /^([+-]?)(.*)$/s.exec(text)!;
  const body = match[2]!;
  if (body === "0") return 0;
  const parts = [...body.matchAll(/([0-9]+\.?[0-9]*|\.[0-9]+)([^0-9.]*)/g)];
  if (body === "" || parts.map((part) => part[0]).join("") !== body) {
    return { fault: `time: invalid duration ${goQuote(text)}` };
  }
  let sum = 0;
  for (const [, amount, unit] of parts) {
    if (unit === "") return { fault: `time: missing unit in duration ${goQuote(text)}` };
    const unitMs = UNITS_MS[unit!];
    if (unitMs === undefined) {
      return { fault: `time: unknown unit ${goQuote(unit!)} in duration ${goQuote(text)}` };
    }
    sum += Number(amount) * unitMs;
  }
  return match[1] === "-" ? -sum : sum;
}
