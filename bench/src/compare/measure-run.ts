import { BenchError } from "../bench-error.js";
import type { LoadOptions } from "../load/load-options.js";
import type { LoadResult } from "../load/load-result.js";
import { runWorkload } from "../workloads/run-workload.js";
import type { Workload } from "../workloads/workload.js";
import { findLeader, type Host, type Leadership } from "./host.js";
import { directoryBytes, type ProcessUsage, processUsage, sumUsage } from "./process-usage.js";
import type { RunRecord } from "./run-record.js";
import { controlOf } from "./server-control.js";
import type { ServerProcess } from "./server-process.js";

/** Which member of a cluster the load goes to. */
export type Side = "leader" | "follower";

export interface RunOptions {
  readonly workload: Workload;
  /** In the report. */
  readonly name: string;
  readonly side: Side;
  /** Counts from 0. */
  readonly round: number;
  /** The endpoints are filled in. */
  readonly load: Omit<LoadOptions, "endpoints">;
}

/** Runs a workload against a host, and says what it cost all members. @throws BenchError */
export async function measureRun(host: Host, options: RunOptions): Promise<RunRecord> {
  const { workload, side } = options;
  const isCluster = host.members.length > 1;
  const leadership = isCluster ? await findLeader(host) : undefined;
  const server = pickServer(host, leadership, side);
  const tls = host.options.identity?.client;
  const load = { ...options.load, tls, endpoints: [server.endpoint] };
  const before = host.members.map(({ pid }) => processUsage(pid));
  const pids = host.members.map(({ pid }) => pid);
  const ownBefore = process.cpuUsage();
  const control = isCluster ? undefined : controlOf(host);
  const result = await runWorkload(workload, { load, server: control });
  const own = process.cpuUsage(ownBefore);
  const after = host.members.map(({ pid }) => processUsage(pid));
  const leads = leadership === undefined ? -1 : host.members.indexOf(leadership.leader);
  const userBytes = result.writes * (load.keyBytes + load.valueBytes);
  // A restarted server is another process, whose figures begin at zero.
  const isSame = host.members.every(({ pid }, i) => pid === pids[i]);
  const cost = isSame ? costOf(before, after) : undefined;
  const leader = leads < 0 ? undefined : costOf([before[leads]!], [after[leads]!]);
  const total = sumUsage(after);
  return {
    ...{ workload: options.name, target: host.target.name, round: options.round },
    result: leadership === undefined ? result : await withElections(host, leadership, result),
    cpuSeconds: cost?.cpuSeconds,
    rssBytes: total.rssBytes,
    rssPeakBytes: total.rssPeakBytes,
    ...(leader && { leaderCpuSeconds: leader.cpuSeconds, leaderRssBytes: after[leads]!.rssBytes }),
    generatorCpuSeconds: (own.user + own.system) / 1e6 + (result.processesCpuSeconds ?? 0),
    writeAmplification:
      cost?.writtenBytes === undefined || userBytes === 0
        ? undefined
        : cost.writtenBytes / userBytes,
    diskBytes: sum(host.members.map(({ dataDir }) => directoryBytes(dataDir))),
    storeBytes: sum(host.members.map(({ dataDir }) => directoryBytes(dataDir, LOG_DIRECTORY))),
  };
}

/** Of both servers: the write-ahead log, which is no part of the store. */
const LOG_DIRECTORY = "wal";

function pickServer(host: Host, leadership: Leadership | undefined, side: Side): ServerProcess {
  if (leadership === undefined) return host.members[0]!;
  const server = side === "leader" ? leadership.leader : leadership.followers[0];
  if (server === undefined) throw new BenchError("SERVER", `${host.target.name} has no follower`);
  return server;
}

/** A run during which the leader changed is no run at a leader, nor one at a follower. */
async function withElections(
  host: Host,
  before: Leadership,
  result: LoadResult,
): Promise<LoadResult> {
  const { leader, term } = await findLeader(host);
  if (leader === before.leader && term === before.term) return result;
  const elections = Math.max(1, term - before.term);
  return {
    ...result,
    errors: { ...result.errors, "the cluster elected a leader during the run": elections },
  };
}

/** What was used between two looks; undefined where the system does not tell. */
function costOf(before: readonly ProcessUsage[], after: readonly ProcessUsage[]) {
  const [from, to] = [sumUsage(before), sumUsage(after)];
  return {
    cpuSeconds: difference(to.cpuSeconds, from.cpuSeconds),
    writtenBytes: difference(to.writtenBytes, from.writtenBytes),
  };
}

function difference(after: number | undefined, before: number | undefined): number | undefined {
  return after === undefined || before === undefined ? undefined : Math.max(0, after - before);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
