/**
 * The page /debug/vars in the layout of Go's expvar: one variable a line, sorted by name. A bigint
 * is written as a number.
 */
export function formatDebugVars(variables: Readonly<Record<string, unknown>>): string {
  const lines = Object.keys(variables)
    .sort()
    .map((name) => `${JSON.stringify(name)}: ${toJson(variables[name])}`);
  return `{\n${lines.join(",\n")}\n}\n`;
}

function toJson(value: unknown): string {
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return `[${value.map(toJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const pairs = Object.entries(value).map(
    ([name, part]) => `${JSON.stringify(name)}:${toJson(part)}`,
  );
  return `{${pairs.join(",")}}`;
}

/**
 * The variables that describe the process, under the names that Go's have; memstats holds those of
 * Go's figures that have a counterpart in Node.
 * @param commandLine as it may be shown to anyone who can reach the port
 */
export function processDebugVars(
  commandLine: readonly string[],
  { fileDescriptorLimit }: { readonly fileDescriptorLimit: number | undefined },
): Readonly<Record<string, unknown>> {
  const memory = process.memoryUsage();
  return {
    cmdline: commandLine,
    ...(fileDescriptorLimit === undefined ? {} : { file_descriptor_limit: fileDescriptorLimit }),
    memstats: {
      Alloc: memory.heapUsed,
      Sys: memory.rss,
      HeapAlloc: memory.heapUsed,
      HeapSys: memory.heapTotal,
      HeapInuse: memory.heapUsed,
      HeapIdle: memory.heapTotal - memory.heapUsed,
      OtherSys: memory.external,
    },
  };
}
