import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** What a process has used so far; undefined where the system does not tell (only Linux does). */
export interface ProcessUsage {
  readonly cpuSeconds: number | undefined;
  readonly rssBytes: number | undefined;
  /** The most it ever had. */
  readonly rssPeakBytes: number | undefined;
  /** Bytes it caused to be sent to the disk. */
  readonly writtenBytes: number | undefined;
}

/** Linux counts CPU time in these units, whatever the kernel's own tick (proc(5), USER_HZ). */
const TICKS_PER_SECOND = 100;

export function processUsage(pid: number): ProcessUsage {
  return {
    cpuSeconds: cpuSeconds(readProc(pid, "stat")),
    rssBytes: kilobytes(readProc(pid, "status"), "VmRSS"),
    rssPeakBytes: kilobytes(readProc(pid, "status"), "VmHWM"),
    writtenBytes: number(/^write_bytes: (\d+)$/m.exec(readProc(pid, "io"))?.[1]),
  };
}

/** Of all members of a cluster together; undefined where one of them is unknown. */
export function sumUsage(usages: readonly ProcessUsage[]): ProcessUsage {
  const sum = (pick: (usage: ProcessUsage) => number | undefined): number | undefined =>
    usages.reduce<number | undefined>((total, usage) => {
      const value = pick(usage);
      return total === undefined || value === undefined ? undefined : total + value;
    }, 0);
  return {
    cpuSeconds: sum((usage) => usage.cpuSeconds),
    rssBytes: sum((usage) => usage.rssBytes),
    rssPeakBytes: sum((usage) => usage.rssPeakBytes),
    writtenBytes: sum((usage) => usage.writtenBytes),
  };
}

/**
 * Bytes that a directory occupies on its disk: whole blocks, holes not counted.
 * @param except directories of this name are left out
 */
export function directoryBytes(directory: string, except?: string): number {
  let sum = 0;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    try {
      if (!entry.isDirectory()) sum += lstatSync(path).blocks * 512;
      else if (entry.name !== except) sum += directoryBytes(path, except);
    } catch (error) {
      // A running server deletes files; what is gone occupies nothing.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  return sum;
}

function readProc(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}

/** Fields 14 and 15 (user and system time); the name in field 2 may hold spaces and brackets. */
function cpuSeconds(stat: string): number | undefined {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const user = number(fields[11]);
  const system = number(fields[12]);
  if (user === undefined || system === undefined) return undefined;
  return (user + system) / TICKS_PER_SECOND;
}

function kilobytes(status: string, name: string): number | undefined {
  const value = number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]);
  return value === undefined ? undefined : value * 1024;
}

function number(text: string | undefined): number | undefined {
  return text === undefined || text === "" ? undefined : Number(text);
}
