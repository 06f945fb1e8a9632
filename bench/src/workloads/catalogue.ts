import { BenchError } from "../bench-error.js";
import { PUT_WHILE_COMPACTING, PUT_WHILE_DEFRAGMENTING } from "./disturbed-put.js";
import { KUBERNETES } from "./kubernetes.js";
import { KV_WORKLOADS, WIDE_WORKLOADS } from "./kv-workloads.js";
import { LEASE_KEEPALIVE } from "./lease-keepalive.js";
import { LOCK_CONTENTION } from "./lock-contention.js";
import { RESTART, SNAPSHOT_RESTORE, SNAPSHOT_SAVE } from "./maintenance.js";
import { watchFanout } from "./watch-fanout.js";
import { WATCH_LATENCY } from "./watch-latency.js";
import { WATCH_SLOW } from "./watch-slow.js";
import type { Workload } from "./workload.js";

/** Every workload, in the order of a report. */
export const WORKLOADS: readonly Workload[] = [
  ...family("Keys and transactions", KV_WORKLOADS),
  ...family("Ranges of many keys", WIDE_WORKLOADS),
  ...family("Watches", [
    watchFanout("watch-1k", { watchers: 1000, watchStreams: 100, puts: 1000 }),
    watchFanout("watch-10k", { watchers: 10_000, watchStreams: 10, puts: 100 }),
    WATCH_LATENCY,
    WATCH_SLOW,
  ]),
  ...family("Leases, locks, Kubernetes", [LEASE_KEEPALIVE, LOCK_CONTENTION, KUBERNETES]),
  ...family("Maintenance", [
    PUT_WHILE_COMPACTING,
    PUT_WHILE_DEFRAGMENTING,
    SNAPSHOT_SAVE,
    SNAPSHOT_RESTORE,
    RESTART,
  ]),
];

function family(name: string, workloads: readonly Workload[]): Workload[] {
  return workloads.map((workload) => ({ ...workload, family: name }));
}

/** The workloads with these names. @throws BenchError "USAGE" */
export function findWorkloads(names: readonly string[]): Workload[] {
  return names.map((name) => {
    const found = WORKLOADS.find((workload) => workload.name === name);
    if (found !== undefined) return found;
    const known = WORKLOADS.map((workload) => workload.name).join(", ");
    throw new BenchError("USAGE", `no workload is called ${name}; there are: ${known}`);
  });
}

/** Those that the goals of the design name, for a quick look. */
export const QUICK_WORKLOADS: readonly string[] = [
  ...["put", "range", "range-serializable", "mixed", "txn-put", "put-alone", "range-alone"],
  ...["watch-1k", "watch-10k"],
];

/** Those that tell most of a cluster, where each runs at two members. */
export const CLUSTER_WORKLOADS: readonly string[] = [
  ...["put", "range", "range-serializable", "mixed", "txn-put", "put-alone", "range-alone"],
  "watch-1k",
];
