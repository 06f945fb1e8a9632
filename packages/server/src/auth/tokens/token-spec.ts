import { parseGoDuration } from "../../config/go-text.js";
import type { Logger } from "../../observe/logger.js";
import { isJwtMethod, type JwtOptions, readJwtKeys } from "./jwt-options.js";

/** The kind of tokens that a member makes and takes. */
export type TokenSpec =
  | { readonly kind: "simple"; readonly ttlSeconds: number }
  | { readonly kind: "jwt"; readonly options: JwtOptions }
  | { readonly kind: "none" };

/** Text of etcd's server/auth. */
const INVALID_OPTIONS = "auth: invalid auth options";

/** Source: etcd's DefaultTTL. */
const DEFAULT_TTL = "5m";
const NS_PER_MS = 1e6;

const KNOWN_OPTIONS: ReadonlySet<string> = new Set(["sign-method", "pub-key", "priv-key", "ttl"]);

/**
 * Reads `--auth-token`: "simple", "", or "jwt" with options behind commas: sign-method=RS256,
 * pub-key=FILE, priv-key=FILE, ttl=5m.
 * @throws Error what is wrong with it or with a key file
 */
export function readTokenSpec(
  text: string,
  context: {
    readonly ttlSeconds: number;
    /** @throws Error */
    readonly readFile: (path: string) => Buffer;
    readonly logger: Logger;
  },
): TokenSpec {
  const [kind = "", ...pairs] = text.split(",");
  const options = readPairs(pairs);
  switch (kind) {
    case "simple":
      return { kind, ttlSeconds: context.ttlSeconds };
    case "":
      return { kind: "none" };
    case "jwt":
      return { kind, options: readJwtOptions(options, context) };
    default:
      throw new Error(INVALID_OPTIONS);
  }
}

function readPairs(pairs: readonly string[]): ReadonlyMap<string, string> {
  const options = new Map<string, string>();
  for (const pair of pairs) {
    const [name = "", value, ...rest] = pair.split("=");
    if (value === undefined || rest.length > 0 || options.has(name)) {
      throw new Error(INVALID_OPTIONS);
    }
    options.set(name, value);
  }
  return options;
}

function readJwtOptions(
  options: ReadonlyMap<string, string>,
  context: Parameters<typeof readTokenSpec>[1],
): JwtOptions {
  const { readFile, logger } = context;
  const ttl = options.get("ttl") || DEFAULT_TTL;
  const ttlNs = parseGoDuration(ttl);
  const method = options.get("sign-method") ?? "";
  if (ttlNs === undefined || !isJwtMethod(method)) {
    const problem =
      ttlNs === undefined ? `time: invalid duration ${ttl}` : "auth: invalid auth signature method";
    logger.error("problem loading JWT options", { error: problem });
    throw new Error(`${INVALID_OPTIONS}: ${problem}`);
  }
  const unknown = [...options.keys()].filter((name) => !KNOWN_OPTIONS.has(name));
  if (unknown.length > 0) logger.warn("unknown JWT options", { keys: unknown });
  const fileOf = (name: string) => (options.get(name) ? readFile(options.get(name)!) : undefined);
  const keys = { publicKey: fileOf("pub-key"), privateKey: fileOf("priv-key") };
  return { method, ttlMs: ttlNs / NS_PER_MS, ...readJwtKeys({ method, ...keys }) };
}
