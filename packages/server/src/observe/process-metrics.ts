import { readdirSync, readFileSync } from "node:fs";
import type { MetricFamily, MetricType } from "./metric-family.js";

const PAGE_BYTES = 4096;

/**
 * The process_* and os_* families, read from Node and, on Linux, from /proc; where there is none
 * its lines are missing. The library's own collector is not used, because it starts timers and
 * observers that nothing can stop again, while a node can be started and closed many times.
 */
export function processFamilies(startSeconds: number): readonly MetricFamily[] {
  const limit = openFilesLimit();
  const rows: readonly (readonly [string, MetricType, string, () => number | undefined])[] = [
    ["process_cpu_seconds_total", "counter", "CPU time in seconds.", cpuSeconds],
    ["process_max_fds", "gauge", "Most file descriptors the process may open.", () => limit],
    ["process_open_fds", "gauge", "Open file descriptors.", openFiles],
    ["process_resident_memory_bytes", "gauge", "Memory in RAM.", () => process.memoryUsage.rss()],
    ["process_virtual_memory_bytes", "gauge", "Virtual memory.", virtualBytes],
    ["process_start_time_seconds", "gauge", "Start, since the epoch.", () => startSeconds],
    ["os_fd_limit", "gauge", "Most file descriptors the process may open.", () => limit],
    ["os_fd_used", "gauge", "Open file descriptors.", openFiles],
    ["nodejs_heap_size_used_bytes", "gauge", "JavaScript heap in use.", heapUsed],
    ["nodejs_heap_size_total_bytes", "gauge", "JavaScript heap.", heapTotal],
    ["nodejs_external_memory_bytes", "gauge", "Memory outside of that heap.", externalBytes],
  ];
  return rows.map(([name, type, help, read]) => ({
    name,
    help,
    type,
    samples: () => {
      const value = read();
      return value === undefined ? [] : [{ labels: {}, value }];
    },
  }));
}

/** Soft limit of open files, or undefined where /proc does not tell. */
export function openFilesLimit(): number | undefined {
  const found = /^Max open files\s+(\d+)/m.exec(readProc("/proc/self/limits") ?? "");
  return found ? Number(found[1]) : undefined;
}

function openFiles(): number | undefined {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return undefined;
  }
}

function virtualBytes(): number | undefined {
  const pages = readProc("/proc/self/statm")?.split(" ", 1)[0];
  return pages === undefined ? undefined : Number(pages) * PAGE_BYTES;
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

const heapUsed = () => process.memoryUsage().heapUsed;
const heapTotal = () => process.memoryUsage().heapTotal;
const externalBytes = () => process.memoryUsage().external;
