import { createRequire } from "node:module";
import { goQuote } from "@kvorum/base";
import { type FlagValue, FlagValues, isIntegerType, parseFlagValue } from "./flag-value.js";
import { type Flag, type FlagName, flags } from "./flags.js";

export type ConfigFileResult =
  | {
      readonly kind: "values";
      readonly values: FlagValues;
      /** Dotted paths of what stands in the file and means nothing. */
      readonly unknownKeys: readonly string[];
    }
  /** `plain` is set where etcd writes the message to stderr as it is, instead of logging it. */
  | { readonly kind: "error"; readonly message: string; readonly plain: boolean };

const require = createRequire(import.meta.url);

type Json = Readonly<Record<string, unknown>>;

class FileProblem extends Error {
  override readonly name = "FileProblem";
  readonly plain: boolean;
  constructor(message: string, plain = false) {
    super(message);
    this.plain = plain;
  }
}

/**
 * Reads a configuration file: the flags' names as keys, some of them grouped (see `yaml` in the
 * table), durations in whole nanoseconds. Keys are compared without case, and unknown keys are
 * skipped, as etcd's decoder does; here they are told.
 */
export function parseConfigFile(text: string): ConfigFileResult {
  try {
    const document = toDocument(text);
    return { kind: "values", values: readValues(document), unknownKeys: unknownKeys(document) };
  } catch (error) {
    if (!(error instanceof FileProblem)) throw error;
    return { kind: "error", message: error.message, plain: error.plain };
  }
}

function toDocument(text: string): Json {
  // Loaded where there is a file to read: a start without one is 40 ms shorter.
  const { parse } = require("yaml") as typeof import("yaml");
  let document: unknown;
  try {
    document = parse(text, { version: "1.1", uniqueKeys: false, logLevel: "error" });
  } catch (error) {
    const [reason] = (error as Error).message.split("\n", 1);
    throw new FileProblem(`error converting YAML to JSON: yaml: ${reason}`);
  }
  if (document === null || document === undefined) return {};
  if (typeOf(document) !== "object") throw mismatch(document, "the configuration", "object");
  return document as Json;
}

function readValues(document: Json): FlagValues {
  const values = new FlagValues();
  const rows = flags.filter((flag) => flag.yaml !== null);
  for (const flag of rows.sort((left, right) => (left.yaml! < right.yaml! ? -1 : 1))) {
    const found = find(document, flag.yaml!.split("."));
    if (found === undefined || found === null) continue;
    values.set(flag.name, toValue(flag, found));
  }
  return values;
}

const GROUPS: ReadonlySet<string> = new Set(
  flags.flatMap(({ yaml }) => {
    const parts = yaml?.split(".") ?? [];
    return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join("."));
  }),
);
const KEYS: ReadonlySet<string> = new Set(flags.flatMap(({ yaml }) => yaml ?? []));

function unknownKeys(node: Json, group = ""): string[] {
  return Object.entries(node).flatMap(([name, value]) => {
    const path = group + name;
    const known = path.toLowerCase();
    if (KEYS.has(known)) return [];
    if (!GROUPS.has(known)) return [path];
    return typeof value === "object" && value !== null
      ? unknownKeys(value as Json, `${path}.`)
      : [];
  });
}

function find(document: Json, path: readonly string[]): unknown {
  let node: unknown = document;
  for (const [depth, key] of path.entries()) {
    if (node === undefined || node === null) return undefined;
    if (typeOf(node) !== "object") throw mismatch(node, path.slice(0, depth).join("."), "object");
    const entries = Object.entries(node as Json);
    const exact = entries.find(([name]) => name === key);
    node = (exact ?? entries.find(([name]) => name.toLowerCase() === key))?.[1];
  }
  return node;
}

function toValue(flag: Flag<FlagName>, found: unknown): FlagValue {
  const key = flag.yaml!;
  if (flag.type === "bool") {
    if (typeof found !== "boolean") throw mismatch(found, key, "bool");
    return found;
  }
  if (isIntegerType(flag.type) || flag.type === "duration") return toInteger(flag, found);
  if (isYamlList(flag)) return toList(flag, found);
  if (typeof found !== "string") throw mismatch(found, key, "string");
  // The allowed values of an enum are checked later, with another message than a flag's.
  if (flag.type === "enum" || flag.type === "enums" || flag.type === "string") return found;
  const parsed = parseFlagValue(flag, found);
  if (parsed.kind === "ok") return parsed.value;
  if (flag.type === "gates") throw new FileProblem(parsed.message);
  if (flag.type === "urls") {
    throw new FileProblem(`unexpected error setting up ${key}: ${parsed.message}`, true);
  }
  throw new FileProblem(`invalid value ${goQuote(found)} for ${key}: ${parsed.message}`);
}

function toInteger(flag: Flag<FlagName>, found: unknown): number {
  const typeName = flag.type === "duration" ? "time.Duration" : flag.type;
  if (typeof found !== "number") throw mismatch(found, flag.yaml!, typeName);
  const negative = found < 0 && flag.type.startsWith("uint");
  const tooLarge = flag.type === "uint32" && found > 0xffff_ffff;
  if (!Number.isInteger(found) || negative || tooLarge) {
    throw mismatch(found, flag.yaml!, typeName, ` ${found}`);
  }
  return found;
}

function isYamlList(flag: Flag): boolean {
  return flag.type === "list" || (flag.type === "set" && flag.name !== "host-whitelist");
}

function toList(flag: Flag<FlagName>, found: unknown): readonly string[] {
  if (!Array.isArray(found)) throw mismatch(found, flag.yaml!, "[]string");
  for (const item of found) {
    if (typeof item !== "string") throw mismatch(item, flag.yaml!, "string");
  }
  return found as readonly string[];
}

function mismatch(found: unknown, key: string, typeName: string, shown = ""): FileProblem {
  return new FileProblem(
    "error unmarshaling JSON: while decoding JSON: json: " +
      `cannot unmarshal ${typeOf(found)}${shown} into ${key} of type ${typeName}`,
  );
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return typeof value === "boolean" ? "bool" : typeof value;
}
