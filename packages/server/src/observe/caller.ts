const LOCATION = /([^/\\(]+[/\\][^/\\]+:\d+):\d+\)?$/;

/**
 * Where `entry` was called from, as "folder/file.ts:12", the form etcd's log has. Takes a few
 * microseconds, so only for lines that are written.
 */
export function callerOf(entry: (...args: never[]) => unknown): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 1;
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, entry);
  Error.stackTraceLimit = limit;
  return LOCATION.exec(holder.stack ?? "")?.[1] ?? "";
}
