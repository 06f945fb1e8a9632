import { execFile } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { promisify } from "node:util";
import { nodeClock } from "@kvorum/base/node";
import { BenchError } from "../bench-error.js";
import type { RestoredServer, ServerControl } from "../workloads/workload.js";
import { whilePortsAreTaken } from "./free-ports.js";
import type { Host } from "./host.js";
import { startServer } from "./server-process.js";

/**
 * What a workload may do to `host`, one process, beyond requests; a restart puts another process in
 * its place.
 */
export function controlOf(host: Host): ServerControl {
  const { dataDir, endpoint } = host.members[0]!;
  const { identity, moreArgs = [] } = host.options;
  return {
    dataDir,
    async restart() {
      await host.members[0]!.stop();
      const port = Number(endpoint.slice(endpoint.lastIndexOf(":") + 1));
      const server = await whilePortsAreTaken(() =>
        startServer(host.target, { dataDir, port, identity, moreArgs }),
      );
      host.members[0] = server;
      return server.readyMs;
    },
    restore: (file) => restore(host, file, `${dataDir}-restored`),
  };
}

const run = promisify(execFile);

/** @throws BenchError "SERVER" */
async function restore(host: Host, file: string, dataDir: string): Promise<RestoredServer> {
  const { utility, restoreArgs } = host.target;
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
  const { identity, moreArgs = [] } = host.options;
  const server = await whilePortsAreTaken(() =>
    startServer(host.target, { dataDir, identity, moreArgs }),
  );
  return {
    ...{ endpoint: server.endpoint, restoreMs },
    async stop() {
      await server.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
