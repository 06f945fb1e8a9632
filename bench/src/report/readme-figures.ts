import { cpuUsOf, type Figure, latencyOf } from "./figure-cells.js";
import { formatBytes, formatLatency, formatNumber } from "./format.js";

const rate = (label: string, workload: string): Figure => ({
  ...{ label, workload, format: formatNumber, isLessBetter: false },
  of: (run) => run.result.ratePerSecond,
});

const p50 = (label: string, workload: string): Figure => ({
  ...{ label, workload, format: formatLatency },
  of: latencyOf(({ p50Us }) => p50Us),
});

const p99 = (label: string, workload: string): Figure => ({
  ...{ label, workload, format: formatLatency },
  of: latencyOf(({ p99Us }) => p99Us),
});

const memory = (label: string, workload: string): Figure => ({
  ...{ label, workload, format: formatBytes },
  of: (run) => run.rssBytes,
});

/** The lines of the README's table of one member; those that were not measured are left out. */
export const ONE_MEMBER: readonly Figure[] = [
  rate("put", "put"),
  p99("put, p99", "put"),
  rate("range of one key", "range"),
  p99("range of one key, p99", "range"),
  rate("serializable range", "range-serializable"),
  rate("20 % put, 80 % range", "mixed"),
  rate("txn: compare and put", "txn-put"),
  rate("one client: put", "put-alone"),
  rate("one client: range", "range-alone"),
  rate("range of 100,000 keys", "range-100k"),
  rate("watch: 1,000 watchers, 100 streams", "watch-1k"),
  rate("watch: 10,000 watchers, 10 streams", "watch-10k"),
  p50("answer of a put that 10,000 watch, p50", "watch-10k"),
  rate("Kubernetes-like mix", "kubernetes"),
  { label: "server CPU of a put", workload: "put", format: formatLatency, of: cpuUsOf },
  memory("resident memory after puts", "put"),
];

/** The same of three members on one machine. */
export const THREE_MEMBERS: readonly Figure[] = [
  rate("put at the leader", "put@3-leader"),
  p99("put at the leader, p99", "put@3-leader"),
  rate("put at a follower", "put@3-follower"),
  rate("range at the leader", "range@3-leader"),
  rate("range at a follower", "range@3-follower"),
  rate("20 % put, 80 % range at the leader", "mixed@3-leader"),
  rate("txn: compare and put at the leader", "txn-put@3-leader"),
  rate("one client: put at the leader", "put-alone@3-leader"),
  rate("watch: 1,000 watchers at the leader", "watch-1k@3-leader"),
  {
    ...{ label: "CPU of all members for a put", workload: "put@3-leader" },
    ...{ format: formatLatency, of: cpuUsOf },
  },
  memory("resident memory of all members after puts", "put@3-leader"),
];
