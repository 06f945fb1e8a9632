import type { Clock } from "@kvorum/base";
import pino from "pino";
import type { LoggingConfig, LogLevel } from "../config/config.js";
import { callerOf } from "./caller.js";
import { LogSampler } from "./log-sampler.js";
import type { LogSink } from "./log-sink.js";
import { openSinks } from "./open-sinks.js";

/** Names and values of a line. An Error shows its message; secrets are hidden by their name. */
export type LogFields = Readonly<Record<string, unknown>>;

/** The log as every other part of the server sees it. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** Only writes the line; ending the process is the host's. */
  fatal(message: string, fields?: LogFields): void;
}

/** A logger that owns its outputs. */
export interface NodeLogger extends Logger {
  /** Closes the files. Lines are written at once, so nothing is left to flush. */
  close(): void;
}

export interface LoggerOptions {
  readonly config: LoggingConfig;
  readonly clock: Clock;
  /** Instead of the configured outputs, for tests and embedding; the owner closes it. */
  readonly sink?: LogSink;
}

type Level = "debug" | "info" | "warn" | "error" | "fatal";

// pino knows no "panic"; nothing logs at it, so as a threshold it equals "fatal".
const THRESHOLDS: Readonly<Record<LogLevel, Level>> = {
  debug: "debug",
  info: "info",
  warn: "warn",
  error: "error",
  panic: "fatal",
  fatal: "fatal",
};

const SECRET_NAMES = new Set(["password", "token", "authorization", "secret", "private-key"]);
const HIDDEN = "(hidden)";

/**
 * Opens the outputs and returns the logger. A line is one JSON object in etcd's form:
 *
 *   {"level":"info","ts":"2026-11-22T06:31:24.701000Z","caller":"src/member.ts:12","msg":"…",…}
 *
 * Lines are written synchronously: few are logged, and the last one before a crash matters most.
 * Of equal messages in one second only the first hundred and then each hundredth are written, as in
 * etcd, so that an error in a loop can't fill the disk.
 * @throws when a log file can't be opened
 */
export function createLogger({ config, clock, sink }: LoggerOptions): NodeLogger {
  const sinks = sink === undefined ? openSinks(config, clock) : [sink];
  const lines = pino(
    {
      base: null,
      level: THRESHOLDS[config.level],
      timestamp: () => `,"ts":"${timestamp(clock.wallMs())}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: {},
    },
    { write: (line: string) => sinks.forEach((each) => void each.write(line)) },
  );
  const sampler = new LogSampler(clock);
  const write = (level: Level, message: string, fields: LogFields | undefined, entry: Entry) => {
    if (!lines.isLevelEnabled(level) || !sampler.admits(level, message)) return;
    lines[level]({ caller: callerOf(entry), msg: message, ...presentable(fields) });
  };
  // Each method passes itself, so that the caller shown is the frame below it.
  const logger: NodeLogger = {
    debug: function debug(message, fields) {
      write("debug", message, fields, debug);
    },
    info: function info(message, fields) {
      write("info", message, fields, info);
    },
    warn: function warn(message, fields) {
      write("warn", message, fields, warn);
    },
    error: function error(message, fields) {
      write("error", message, fields, error);
    },
    fatal: function fatal(message, fields) {
      write("fatal", message, fields, fatal);
    },
    close: () => sinks.forEach((each) => void each.close()),
  };
  return logger;
}

type Entry = (message: string, fields?: LogFields) => void;

/** Go's "2006-01-02T15:04:05.000000Z0700" in UTC; the clock's fractions give the microseconds. */
function timestamp(wallMs: number): string {
  const micros = Math.floor((wallMs % 1) * 1000);
  const iso = new Date(wallMs).toISOString();
  return `${iso.slice(0, -1)}${String(micros).padStart(3, "0")}Z`;
}

function presentable(fields: LogFields | undefined): LogFields | undefined {
  if (fields === undefined) return undefined;
  const shown: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    shown[name] = SECRET_NAMES.has(name) ? HIDDEN : presentableValue(value);
  }
  return shown;
}

function presentableValue(value: unknown): unknown {
  if (value instanceof Error) return value.message;
  return value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value;
}
