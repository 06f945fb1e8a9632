import { goQuote } from "@kvorum/base";
import type { LoggingConfig, LogLevel, LogRotation } from "./config.js";
import type { FlagValues } from "./flag-value.js";

export type LogConfigResult =
  | { readonly kind: "ok"; readonly value: LoggingConfig }
  | { readonly kind: "error"; readonly message: string }
  /** etcd panics with this text and exit status 2. */
  | { readonly kind: "panic"; readonly message: string };

/** The logging of a node whose flags can't be read. */
export const defaultLogging: LoggingConfig = {
  level: "info",
  format: "json",
  outputs: ["default"],
  rotation: undefined,
};

const LEVELS = new Set<string>(["debug", "info", "warn", "error", "panic", "fatal"]);
const STREAMS = new Set(["default", "stderr", "stdout"]);
const DAY_MS = 86_400_000;
const MEGABYTE = 1024 * 1024;
const DEFAULT_SIZE_MEGABYTES = 100;

/** The logging flags, checked. Messages are etcd's. */
export function readLogConfig(values: FlagValues): LogConfigResult {
  const logger = values.text("logger");
  if (logger === "capnslog") return fail("--logger=capnslog is removed in v3.5");
  if (logger !== "zap") return fail(`unknown logger option ${goQuote(logger)}`);
  const listed = values.list("log-outputs");
  const outputs = listed.length === 0 ? ["default"] : listed;
  if (outputs.length > 1 && outputs.includes("default")) {
    return fail('multi logoutput for "default" is not supported yet');
  }
  if (outputs.includes("systemd/journal")) {
    return fail("--log-outputs=systemd/journal is not supported by this version of Kvorum");
  }
  let rotation: LogRotation | undefined;
  if (values.bool("enable-log-rotation")) {
    const read = readRotation(outputs, values.text("log-rotation-config-json"));
    if (typeof read === "string") return fail(read);
    rotation = read;
  }
  const level = values.text("log-level");
  if (!LEVELS.has(level)) {
    return { kind: "panic", message: `unrecognized level: ${goQuote(level)}` };
  }
  const format = values.text("log-format");
  if (format !== "json" && format !== "console" && format !== "") {
    return fail(`unknown log format: ${format}, supported values json, console`);
  }
  return {
    kind: "ok",
    value: { level: level as LogLevel, format: format || "json", outputs, rotation },
  };
}

function fail(message: string): LogConfigResult {
  return { kind: "error", message };
}

function readRotation(outputs: readonly string[], json: string): LogRotation | string {
  const files = outputs.filter((output) => !STREAMS.has(output));
  if (files.length !== 1) {
    return "--log-outputs requires a single file path when --log-rotate-config-json is defined";
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (error) {
    return `improperly formatted log rotation config: ${syntaxMessage(json, error as Error)}`;
  }
  if (typeof parsed !== "object" || parsed === null) {
    return `invalid log rotation config: not an object: ${json}`;
  }
  const fields = parsed as Readonly<Record<string, unknown>>;
  for (const [name, value] of Object.entries(fields)) {
    const wanted = name === "localtime" || name === "compress" ? "boolean" : "number";
    const known = ["maxsize", "maxage", "maxbackups", "localtime", "compress"].includes(name);
    if (known && typeof value !== wanted) {
      return `invalid log rotation config: ${name} must be a ${wanted}`;
    }
  }
  const number = (name: string) => (fields[name] as number | undefined) ?? 0;
  return {
    maxSizeBytes: (number("maxsize") || DEFAULT_SIZE_MEGABYTES) * MEGABYTE,
    maxAgeMs: number("maxage") * DAY_MS,
    maxBackups: number("maxbackups"),
    localTime: fields.localtime === true,
    compress: fields.compress === true,
  };
}

// Go words the commonest mistake, a text that ends too early, in its own way.
function syntaxMessage(json: string, error: Error): string {
  const ended = /end of JSON|Expected property name or '}' in JSON at position 1$/.test(
    error.message,
  );
  return ended || json.trim() === "" ? "unexpected end of JSON input" : error.message;
}
