import { execFile } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { promisify } from "node:util";
import { nodeClock } from "@kvorum/base/node";
import { BenchError } from "../bench-error.js";
import type { RestoredServer, ServerControl } from "../workloads/workload.js";
import { type ServerProcess, startServer } from "./server-process.js";
import type { Target } from "./target.js";

/** A server of a round, which a workload may restart. */
export interface Host {
  readonly target: Target;
  process: ServerProcess;
}

/**
 * What a workload may do to `host` beyond requests; a restart puts another process in its place.
 */
export function controlOf(host: Host): ServerControl {
  const { dataDir, endpoint } = host.process;
  return {
    dataDir,
    async restart() {
      await host.process.stop();
      const port = Number(endpoint.slice(endpoint.lastIndexOf(":") + 1));
      host.process = await startServer(host.target, { dataDir, port });
      return host.process.readyMs;
    },
    restore: (file) => restore(host.target, file, `${dataDir}-restored`),
  };
}

const run = promisify(execFile);

/** @throws BenchError "SERVER" */
async function restore(target: Target, file: string, dataDir: string): Promise<RestoredServer> {
  const { utility, restoreArgs } = target;
  if (!existsSync(utility.command)) {
    throw new BenchError("SERVER", `${utility.command}, which restores snapshots, is not there`);
  }
  const startMs = nodeClock.nowMs();
  const args = [...utility.args, "snapshot", "restore", file, "--data-dir", dataDir];
  try {
    await run(utility.command, [...args, ...restoreArgs]);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BenchError("SERVER", `a snapshot was not restored: ${reason}`, { cause });
  }
  const restoreMs = nodeClock.nowMs() - startMs;
  const server = await startServer(target, { dataDir });
  return {
    ...{ endpoint: server.endpoint, restoreMs },
    async stop() {
      await server.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
