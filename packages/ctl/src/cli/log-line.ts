import { nodeClock } from "@kvorum/base/node";
import type { Io } from "./io.js";

/** One line of JSON on standard error, as etcd's tools log; silent where a person reads along. */
export function logLine(
  io: Io,
  level: "info" | "warn",
  message: string,
  fields: Readonly<Record<string, string>>,
): void {
  if (io.stderr.isTerminal) return;
  const ts = new Date(nodeClock.wallMs()).toISOString();
  io.stderr.write(`${JSON.stringify({ level, ts, msg: message, ...fields })}\n`);
}
