/**
 * A JSON line of the log as text for people: the parts in the order of zap's console encoder, set
 * apart by tabs, with the remaining fields as JSON.
 */
export function formatConsole(jsonLine: string): string {
  const { level, ts, caller, msg, ...fields } = JSON.parse(jsonLine) as Record<string, unknown>;
  const rest = Object.keys(fields).length === 0 ? "" : `\t${JSON.stringify(fields)}`;
  return `${ts}\t${level}\t${caller}\t${msg}${rest}\n`;
}
