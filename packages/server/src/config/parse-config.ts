import { goQuote } from "@kvorum/base";
import { buildConfig } from "./build-config.js";
import type { Config, LoggingConfig, LogLevel } from "./config.js";
import { parseConfigFile } from "./config-file.js";
import { applyEnvironment, type Environment } from "./environment.js";
import type { FlagValues } from "./flag-value.js";
import { flags } from "./flags.js";
import { helpText, usageText } from "./help.js";
import { hideSecrets } from "./hide-secrets.js";
import { configLimits } from "./limits.js";
import type { ListenUrl } from "./listen-url.js";
import { defaultLogging, readLogConfig } from "./log-config.js";
import type { Notice } from "./notice.js";
import { scanArguments } from "./scan-arguments.js";
import { settleUrls } from "./settle-urls.js";
import { unknownCipherSuite } from "./tls-names.js";
import { ADVERTISE_MISSING, validate } from "./validate.js";
import { type Runtime, versionText } from "./version.js";

export interface ParseInput {
  /** The arguments after the program's name. */
  readonly argv: readonly string[];
  readonly env: Environment;
  /** Reads the configuration file. @throws an error with Node's `code`, such as "ENOENT" */
  readonly readFile: (path: string) => string;
  /** For `--version`. */
  readonly runtime?: Runtime;
  /** From `detectDefaultHost`: replaces the default advertise URLs of a 0.0.0.0 listener. */
  readonly defaultHost?: string | undefined;
}

/**
 * What the program is to do. `notices` are log lines to write first, in order. "error": write the
 * notices, then `lines` to stderr as they are, and end with `exitCode`. "help": `text` goes to
 * stdout, `usage` to stderr, exit 0.
 */
export type ParseResult =
  | { readonly kind: "run"; readonly config: Config; readonly notices: readonly Notice[] }
  | { readonly kind: "help"; readonly text: string; readonly usage: string }
  | { readonly kind: "version"; readonly text: string }
  | {
      readonly kind: "error";
      readonly exitCode: 1 | 2;
      readonly lines: readonly string[];
      readonly notices: readonly Notice[];
      /** How to log them: as configured, as far as that could be read. */
      readonly logging: LoggingConfig;
    };

const UNKNOWN_RUNTIME: Runtime = { nodeVersion: "", platform: "", architecture: "" };
const FILE_LOADED =
  "loaded server configuration, other configuration command line flags and environment variables " +
  "will be ignored if provided";

/**
 * Turns command line, environment or configuration file into a `Config`. Pure: all it knows comes
 * with `input`. The order of the steps and the exit codes are those of etcdmain.
 */
export function parseConfig(input: ParseInput): ParseResult {
  const scanned = scanArguments(input.argv);
  if (scanned.kind === "help") return { kind: "help", text: helpText(), usage: usageText };
  if (scanned.kind === "usage-error") {
    return {
      kind: "error",
      exitCode: 2,
      lines: [scanned.message, usageText],
      notices: [],
      logging: defaultLogging,
    };
  }
  const { values, rest } = scanned;
  const notices: Notice[] = [];
  if (rest.length > 0) return failed(input, notices, `${goQuote(rest[0]!)} is not a valid flag`);
  if (values.bool("version")) {
    return { kind: "version", text: versionText(input.runtime ?? UNKNOWN_RUNTIME) };
  }
  const path = values.text("config-file") || input.env.ETCD_CONFIG_FILE || "";
  return path === "" ? fromCommandLine(input, values, notices) : fromFile(input, path, notices);
}

function fromCommandLine(input: ParseInput, values: FlagValues, notices: Notice[]): ParseResult {
  const found = applyEnvironment(values, input.env);
  notices.push(...found.notices);
  if (found.error?.kind === "shadowed") {
    return { kind: "error", exitCode: 1, lines: [], notices, logging: defaultLogging };
  }
  if (found.error) return failed(input, notices, found.error.message);
  if (values.text("discovery-fallback") === "proxy") {
    const cause = `--discovery-fallback can't be configured as "proxy"`;
    return failed(input, notices, `v2 proxy is deprecated, and ${cause}`);
  }
  for (const name of ["raft-read-timeout", "raft-write-timeout"] as const) {
    if (values.durationMs(name) >= configLimits.raftTimeoutMsMin) continue;
    notices.push({ level: "info", message: `${name} increased to minimum value: 5s` });
  }
  const advertiseMissing =
    values.isGiven("listen-client-urls") && !values.isGiven("advertise-client-urls");
  return finish(input, { values, notices, advertiseMissing, source: [] });
}

function fromFile(input: ParseInput, path: string, notices: Notice[]): ParseResult {
  let text: string;
  try {
    text = input.readFile(path);
  } catch (error) {
    return failed(input, notices, openMessage(path, error as NodeJS.ErrnoException));
  }
  const parsed = parseConfigFile(text);
  if (parsed.kind === "error") {
    return parsed.plain
      ? { kind: "error", exitCode: 1, lines: [parsed.message], notices, logging: defaultLogging }
      : failed(input, notices, parsed.message);
  }
  const loaded: Notice = { level: "info", message: FILE_LOADED, fields: { path } };
  const { values, unknownKeys } = parsed;
  for (const key of unknownKeys) {
    const message = "unrecognized key in the configuration file has no effect";
    notices.push({ level: "warn", message, fields: { path, key } });
  }
  return finish(input, { values, notices, advertiseMissing: false, source: [loaded] });
}

function openMessage(path: string, error: NodeJS.ErrnoException): string {
  const causes: Readonly<Record<string, string>> = {
    ENOENT: "no such file or directory",
    EACCES: "permission denied",
    EISDIR: "is a directory",
  };
  const verb = error.code === "EISDIR" ? "read" : "open";
  return `${verb} ${path}: ${causes[error.code ?? ""] ?? error.message}`;
}

interface Work {
  readonly values: FlagValues;
  readonly notices: Notice[];
  /** --listen-client-urls was given on the command line without --advertise-client-urls. */
  readonly advertiseMissing: boolean;
  /** Notices about the origin of the values, due once they are known to be right. */
  readonly source: readonly Notice[];
}

function finish(input: ParseInput, work: Work): ParseResult {
  const { values, notices } = work;
  const logging = readLogConfig(values);
  if (logging.kind === "panic") {
    return {
      kind: "error",
      exitCode: 2,
      lines: [logging.message],
      notices,
      logging: defaultLogging,
    };
  }
  if (logging.kind === "error") return failed(input, notices, logging.message);
  const urls = settleUrls(values, input.defaultHost);
  const advertiseClientUrls: readonly ListenUrl[] | undefined = work.advertiseMissing
    ? undefined
    : urls.advertiseClientUrls;
  const problem = validate(
    { values, initialCluster: urls.givenInitialCluster, advertiseClientUrls },
    notices,
  );
  if (problem === undefined) notices.push(...work.source);
  for (const flag of flags) {
    if (flag.deprecated === undefined || !values.isGiven(flag.name)) continue;
    notices.push({ level: "warn", message: flag.deprecated });
  }
  if (problem !== undefined) return failed(input, notices, problem, logging.value);
  notices.push(running(input), ...urls.notices);
  const suite = unknownCipherSuite(values.list("cipher-suites"));
  if (suite !== undefined) {
    return notStarted(notices, `unexpected TLS cipher suite ${goQuote(suite)}`, logging.value);
  }
  const dataDir = values.text("data-dir") || `${values.text("name")}.etcd`;
  if (values.text("data-dir") === "") {
    const message = "'data-dir' was empty; using default";
    notices.push({ level: "warn", message, fields: { "data-dir": dataDir } });
  }
  const built = buildConfig(values, { ...urls, dataDir, logging: logging.value });
  if (built.kind === "error") return notStarted(notices, built.message, logging.value);
  warnAboutSizes(built.config, notices);
  return { kind: "run", config: built.config, notices };
}

function warnAboutSizes(config: Config, notices: Notice[]): void {
  const recommended = configLimits.requestBytesRecommendedMax;
  if (config.limits.maxRequestBytes <= recommended) return;
  notices.push({
    level: "warn",
    message: "exceeded recommended request limit",
    fields: {
      "max-request-bytes": config.limits.maxRequestBytes,
      "recommended-request-bytes": recommended,
    },
  });
}

const HIDES_WARNINGS: ReadonlySet<LogLevel> = new Set(["error", "panic", "fatal"]);

function failed(
  input: ParseInput,
  notices: Notice[],
  error: string,
  logging: LoggingConfig = defaultLogging,
): ParseResult {
  // Whatever the log leaves out, it says why the node didn't start.
  const level = HIDES_WARNINGS.has(logging.level) ? "fatal" : "warn";
  notices.push(running(input), { level, message: "failed to verify flags", fields: { error } });
  if (error === ADVERTISE_MISSING) {
    const message = "advertise client URLs are not set";
    notices.push({ level: "warn", message, fields: { error } });
  }
  return { kind: "error", exitCode: 1, lines: [], notices, logging };
}

// etcd's line for every error of the start itself, whether or not discovery is in use.
function notStarted(notices: Notice[], error: string, logging: LoggingConfig): ParseResult {
  notices.push({ level: "fatal", message: "discovery failed", fields: { error } });
  return { kind: "error", exitCode: 1, lines: [], notices, logging };
}

function running(input: ParseInput): Notice {
  return {
    level: "info",
    message: "Running: ",
    fields: { args: ["kvorum", ...hideSecrets(input.argv)] },
  };
}
