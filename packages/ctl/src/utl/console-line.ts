import { nodeClock } from "@kvorum/base/node";
import type { Io } from "../cli/io.js";

export type ConsoleField = string | number | boolean | readonly string[];

/** One line as etcdutl logs to its console: time, level, message and fields, with tabs between. */
export function consoleLine(
  io: Io,
  message: string,
  fields?: Readonly<Record<string, ConsoleField>>,
): void {
  const time = `${new Date(nodeClock.wallMs()).toISOString().slice(0, 19)}Z`;
  const tail = fields === undefined ? "" : `\t${spacedJson(fields)}`;
  io.stderr.write(`${time}\tinfo\t${message}${tail}\n`);
}

/** JSON with a space behind each colon and comma, as zap's console writes it. */
function spacedJson(fields: Readonly<Record<string, ConsoleField>>): string {
  const texts = Object.entries(fields).map(([name, value]) => {
    const isList = typeof value === "object";
    const text = isList
      ? `[${value.map((item) => JSON.stringify(item)).join(", ")}]`
      : JSON.stringify(value);
    return `${JSON.stringify(name)}: ${text}`;
  });
  return `{${texts.join(", ")}}`;
}
