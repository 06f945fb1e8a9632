import { assert, goQuote, unreachable } from "@kvorum/base";
import { type FeatureGates, parseFeatureGates } from "./feature-gates.js";
import { type Flag, type FlagName, type FlagType, flagNamed, flags } from "./flags.js";
import { parseGoBool, parseGoDuration, parseGoInteger } from "./go-text.js";
import { type ListenUrl, parseListenUrls } from "./listen-url.js";

/** A duration is in nanoseconds, exactly as in Go; `FlagValues.durationMs` converts. */
export type FlagValue =
  | string
  | boolean
  | number
  | readonly string[]
  | readonly ListenUrl[]
  | FeatureGates;

export type FlagValueResult =
  | { readonly kind: "ok"; readonly value: FlagValue }
  | { readonly kind: "error"; readonly message: string };

const ok = (value: FlagValue): FlagValueResult => ({ kind: "ok", value });
const fail = (message: string): FlagValueResult => ({ kind: "error", message });

/** Smallest and largest value; 64-bit ones end at the safe integers, far above sensible values. */
const INTEGER_BOUNDS: Partial<Record<FlagType, readonly [bigint, bigint]>> = {
  int: [BigInt(Number.MIN_SAFE_INTEGER), BigInt(Number.MAX_SAFE_INTEGER)],
  int64: [BigInt(Number.MIN_SAFE_INTEGER), BigInt(Number.MAX_SAFE_INTEGER)],
  uint: [0n, BigInt(Number.MAX_SAFE_INTEGER)],
  uint32: [0n, 0xffff_ffffn],
  uint64: [0n, BigInt(Number.MAX_SAFE_INTEGER)],
};

export function isIntegerType(type: FlagType): boolean {
  return INTEGER_BOUNDS[type] !== undefined;
}

/** Reads `text` as the flag's type. The messages are those of Go's flag package and of etcd. */
export function parseFlagValue(flag: Flag, text: string): FlagValueResult {
  switch (flag.type) {
    case "string":
      return ok(text);
    case "bool": {
      const value = parseGoBool(text);
      return value === undefined ? fail("parse error") : ok(value);
    }
    case "int":
    case "int64":
    case "uint":
    case "uint32":
    case "uint64":
      return parseInteger(flag.type, text);
    case "duration": {
      const nanoseconds = parseGoDuration(text);
      return nanoseconds === undefined ? fail("parse error") : ok(nanoseconds);
    }
    case "urls":
      return parseUrls(flag, text);
    case "origins":
      return parseOrigins(text);
    case "list":
      return ok(text === "" ? [] : text.split(","));
    case "set":
      return ok(text === "" ? [] : [...new Set(text.split(","))].sort());
    case "enum":
      return flag.choices.includes(text) ? ok(text) : fail("invalid value");
    case "enums": {
      const bad = text === "" ? undefined : text.split(",").find((v) => !flag.choices.includes(v));
      return bad === undefined ? ok(text) : fail(`invalid value ${goQuote(bad)}`);
    }
    case "gates":
      return parseFeatureGates(text);
    default:
      return unreachable(flag.type);
  }
}

function parseInteger(type: FlagType, text: string): FlagValueResult {
  const value = parseGoInteger(text);
  const [min, max] = INTEGER_BOUNDS[type]!;
  const badSign = min === 0n && /^[+-]/.test(text);
  if (value === undefined || badSign) return fail(integerError(type, text, "invalid syntax"));
  if (value < min || value > max) return fail(integerError(type, text, "value out of range"));
  return ok(Number(value));
}

// Go's own flag types shorten the error; etcd's uint32 shows strconv's.
function integerError(type: FlagType, text: string, cause: string): string {
  if (type === "uint32") return `strconv.ParseUint: parsing ${goQuote(text)}: ${cause}`;
  return cause === "invalid syntax" ? "parse error" : cause;
}

function parseUrls(flag: Flag, text: string): FlagValueResult {
  // etcd keeps the default when the value is empty, although the flag then counts as given.
  const effective = text === "" ? flag.default : text;
  if (effective === "") return ok([]);
  const parsed = parseListenUrls(effective.split(","));
  if (parsed.kind === "error") return fail(parsed.message);
  const unique = new Map(parsed.value.map((url) => [url.href, url]));
  return ok([...unique.values()]);
}

function parseOrigins(text: string): FlagValueResult {
  if (text === "" || text === "*") return ok(["*"]);
  const parsed = parseListenUrls(text.split(","));
  if (parsed.kind === "error") return fail(parsed.message);
  return ok([...new Set(parsed.value.map((url) => url.href))]);
}

/** The values of all flags: those that were given over the defaults of the table. */
export class FlagValues {
  readonly #given = new Map<FlagName, FlagValue>();

  set(name: FlagName, value: FlagValue): void {
    this.#given.set(name, value);
  }

  isGiven(name: FlagName): boolean {
    return this.#given.has(name);
  }

  value(name: FlagName): FlagValue {
    const given = this.#given.get(name);
    return given ?? defaultValue(flagNamed(name));
  }

  /** True when the value is not the one that an absent flag has. */
  differs(name: FlagName): boolean {
    const given = this.#given.get(name);
    if (given === undefined) return false;
    return JSON.stringify(given) !== JSON.stringify(defaultValue(flagNamed(name)));
  }

  text(name: FlagName): string {
    const value = this.value(name);
    assert(typeof value === "string", `flag ${name} is no text`);
    return value;
  }

  bool(name: FlagName): boolean {
    const value = this.value(name);
    assert(typeof value === "boolean", `flag ${name} is no boolean`);
    return value;
  }

  number(name: FlagName): number {
    const value = this.value(name);
    assert(typeof value === "number", `flag ${name} is no number`);
    return value;
  }

  durationMs(name: FlagName): number {
    return this.number(name) / 1e6;
  }

  urls(name: FlagName): readonly ListenUrl[] {
    const value = this.value(name);
    assert(Array.isArray(value), `flag ${name} is no list`);
    return value as readonly ListenUrl[];
  }

  list(name: FlagName): readonly string[] {
    const value = this.value(name);
    assert(Array.isArray(value), `flag ${name} is no list`);
    return value as readonly string[];
  }

  gates(): FeatureGates {
    return this.value("feature-gates") as FeatureGates;
  }

  /** Names of the flags that were given, in the table's order. */
  givenNames(): readonly FlagName[] {
    return flags.filter((flag) => this.#given.has(flag.name)).map((flag) => flag.name);
  }
}

function defaultValue(flag: Flag): FlagValue {
  const parsed = parseFlagValue(flag, flag.default);
  assert(parsed.kind === "ok", `the default of flag ${flag.name} is not valid`);
  return parsed.value;
}
