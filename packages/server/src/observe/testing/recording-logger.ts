import type { LogFields, Logger } from "../logger.js";

/** A log that hands its lines to a test. */
export function recordingLogger(
  onLine: (level: keyof Logger, message: string, fields: LogFields) => void = () => {},
): Logger {
  const at =
    (level: keyof Logger) =>
    (message: string, fields: LogFields = {}) =>
      onLine(level, message, fields);
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    fatal: at("fatal"),
  };
}
