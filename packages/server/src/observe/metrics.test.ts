import { readFileSync } from "node:fs";
import { etcdserverpb, healthpb } from "@kvorum/api";
import { nodeClock } from "@kvorum/base/node";
import { describe, expect, it } from "vitest";
import { parseFeatureGates } from "../config/feature-gates.js";
import { exponentialBounds, Histogram } from "./histogram.js";
import { createMetrics, type Metrics, type NodeFacts } from "./metrics.js";
import type { NodeFigures } from "./node-figures.js";

interface Line {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

interface Page {
  readonly types: ReadonlyMap<string, string>;
  readonly lines: readonly Line[];
}

const SERVICES = [
  etcdserverpb.KVDefinition,
  etcdserverpb.WatchDefinition,
  etcdserverpb.MaintenanceDefinition,
  healthpb.HealthDefinition,
];

/** Names of etcd's metrics that have no meaning here, each with the reason. */
const OMITTED: readonly (readonly [RegExp, string])[] = [
  [/^etcd_debugging_disk_backend_commit_/, "phases of bbolt's own commit"],
  [/^etcd_debugging_store_/, "the removed v2 store"],
  [/^etcd_grpc_proxy_/, "the gRPC proxy"],
  [/^etcd_mvcc_db_open_read_transactions$/, "bbolt's transactions"],
  [/^etcd_network_server_stream_failures_total$/, "errors of Go's streams"],
  [/^etcd_server_range_duration_seconds$/, "two looks at the clock for each range"],
  [/^etcd_debugging_server_watch_send_loop_/, "etcd's goroutine that sends watch responses"],
];

function metricsOf(figures: NodeFigures = {}, facts: Partial<NodeFacts> = {}, extensive = false) {
  const gates = parseFeatureGates("");
  if (gates.kind === "error") throw new Error(gates.message);
  const known: NodeFacts = {
    serverVersion: "3.7.1",
    runtimeVersion: "v20.0.0",
    memberId: "8e9e05c52164694d",
    clusterVersion: "3.7",
  };
  return createMetrics({
    services: SERVICES,
    extensive,
    featureGates: gates.value,
    clock: nodeClock,
    figures: () => figures,
    facts: () => ({ ...known, ...facts }),
  });
}

/** Reads the text format strictly: https://prometheus.io/docs/instrumenting/exposition_formats/ */
function parsePage(text: string): Page {
  expect(text.endsWith("\n")).toBe(true);
  const types = new Map<string, string>();
  const lines: Line[] = [];
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("# HELP ")) continue;
    const type = /^# TYPE ([a-zA-Z_:][\w:]*) (counter|gauge|histogram)$/.exec(line);
    if (type) {
      expect(types.has(type[1]!), `${type[1]} twice`).toBe(false);
      types.set(type[1]!, type[2]!);
      continue;
    }
    const sample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!sample) throw new Error(`not a line of the format: ${line}`);
    const labels: Record<string, string> = {};
    for (const pair of sample[2]?.match(/[^,]+?="(?:[^"\\]|\\.)*"/g) ?? []) {
      const [name, value] = pair.split("=", 2);
      labels[name!] = JSON.parse(value!) as string;
    }
    const value = Number(sample[3]!.replace("+Inf", "Infinity"));
    expect(Number.isNaN(value), line).toBe(false);
    lines.push({ name: sample[1]!, labels, value });
  }
  for (const { name } of lines) {
    expect(types.has(name) || types.has(name.replace(/_(bucket|sum|count)$/, "")), name).toBe(true);
  }
  return { types, lines };
}

async function pageOf(metrics: Metrics): Promise<Page> {
  return parsePage(await metrics.text());
}

function sampleOf(
  page: Page,
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  return page.lines.find(
    (line) =>
      line.name === name &&
      Object.entries(labels).every(([key, value]) => line.labels[key] === value),
  )?.value;
}

/** Uses every labelled metric once, so that its labels can be looked at. */
function touchAll(metrics: Metrics): void {
  for (const family of Object.values(metrics.labelled)) family.cell("a", "b", "c").value++;
  metrics.requests.apply("Put").succeeded(0.001);
  metrics.requests.request("Put").failed(0.001);
  metrics.peers.roundTrip("p").observe(0.001);
  metrics.peers.snapshotSend("p").observe(0.001);
  metrics.peers.snapshotReceive("p").observe(0.001);
}

describe("the metrics page", () => {
  it("has etcd's names, types and labels, and no etcd name that etcd does not have", async () => {
    const list = readFileSync(new URL("testdata/etcd-3.7-metrics.txt", import.meta.url), "utf8");
    const wanted = new Map(
      list
        .trim()
        .split("\n")
        .map((row) => [row.split(" ")[0]!, row.split(" ")]),
    );
    const metrics = metricsOf();
    touchAll(metrics);
    const page = await pageOf(metrics);
    for (const [name, [, type, labels]] of wanted) {
      if (OMITTED.some(([pattern]) => pattern.test(name))) {
        expect(page.types.has(name), name).toBe(false);
        continue;
      }
      expect(page.types.get(name), name).toBe(type);
      const line = page.lines.find((each) => each.name.replace(/_bucket$/, "") === name);
      const found = Object.keys(line?.labels ?? {}).filter((label) => label !== "le");
      if (line) expect(found.sort().join(",") || "-", name).toBe(labels);
    }
    for (const name of page.types.keys()) {
      if (name.startsWith("etcd_")) expect(wanted.has(name), name).toBe(true);
    }
  });

  it("shows figures as they are when the page is fetched, and none that is unknown", async () => {
    const figures: { puts: number; hasLeader: number } = { puts: 1, hasLeader: 1 };
    const metrics = metricsOf(figures);
    figures.puts = 41;
    const page = await pageOf(metrics);
    expect(sampleOf(page, "etcd_mvcc_put_total")).toBe(41);
    expect(sampleOf(page, "etcd_server_has_leader")).toBe(1);
    expect(sampleOf(page, "etcd_mvcc_range_total")).toBeUndefined();
    expect(sampleOf(page, "etcd_server_version", { server_version: "3.7.1" })).toBe(1);
    expect(sampleOf(page, "process_resident_memory_bytes")).toBeGreaterThan(1e6);
    expect(sampleOf(page, "etcd_server_health_failures")).toBe(0);
    expect(sampleOf(page, "promhttp_metric_handler_requests_total", { code: "200" })).toBe(0);
    expect(sampleOf(await pageOf(metrics), "promhttp_metric_handler_requests_total")).toBe(1);
  });

  it("keeps an earlier cluster version as 0", async () => {
    const facts: { clusterVersion: string | undefined } = { clusterVersion: undefined };
    const gates = parseFeatureGates("");
    if (gates.kind === "error") throw new Error(gates.message);
    const metrics = createMetrics({
      services: [],
      extensive: false,
      featureGates: gates.value,
      clock: nodeClock,
      figures: () => ({}),
      facts: () => ({ serverVersion: "3.7.1", runtimeVersion: "v20", memberId: "1", ...facts }),
    });
    expect(sampleOf(await pageOf(metrics), "etcd_cluster_version")).toBeUndefined();
    facts.clusterVersion = "3.6";
    await metrics.text();
    facts.clusterVersion = "3.7";
    const page = await pageOf(metrics);
    expect(sampleOf(page, "etcd_cluster_version", { cluster_version: "3.6" })).toBe(0);
    expect(sampleOf(page, "etcd_cluster_version", { cluster_version: "3.7" })).toBe(1);
  });

  it("has a line for every gRPC method and code before the first call", async () => {
    const metrics = metricsOf({}, {}, true);
    const put = metrics.grpc.method("/etcdserverpb.KV/Put");
    if (!put) throw new Error("no counters");
    put.started++;
    put.handled[5]!++;
    put.handlingSeconds?.observe(0.3);
    const page = await pageOf(metrics);
    const labels = { grpc_method: "Put", grpc_service: "etcdserverpb.KV", grpc_type: "unary" };
    expect(sampleOf(page, "grpc_server_started_total", labels)).toBe(1);
    expect(sampleOf(page, "grpc_server_msg_sent_total", labels)).toBe(0);
    expect(sampleOf(page, "grpc_server_handled_total", { ...labels, grpc_code: "NotFound" })).toBe(
      1,
    );
    expect(sampleOf(page, "grpc_server_handled_total", { ...labels, grpc_code: "OK" })).toBe(0);
    expect(sampleOf(page, "grpc_server_handling_seconds_bucket", { ...labels, le: "0.25" })).toBe(
      0,
    );
    expect(sampleOf(page, "grpc_server_handling_seconds_bucket", { ...labels, le: "0.5" })).toBe(1);
    expect(
      sampleOf(page, "grpc_server_started_total", {
        grpc_method: "Watch",
        grpc_type: "bidi_stream",
      }),
    ).toBe(0);
    expect(
      sampleOf(page, "grpc_server_started_total", {
        grpc_method: "Snapshot",
        grpc_type: "server_stream",
      }),
    ).toBe(0);
    expect(metrics.grpc.method("/etcdserverpb.KV/Nope")).toBeUndefined();
    expect((await pageOf(metricsOf())).types.has("grpc_server_handling_seconds")).toBe(false);
  });

  it("writes cumulative buckets", async () => {
    const metrics = metricsOf();
    for (const seconds of [0.0005, 0.001, 0.0011, 100]) metrics.histograms.walSync.observe(seconds);
    const page = await pageOf(metrics);
    const name = "etcd_disk_wal_fsync_duration_seconds";
    expect(sampleOf(page, `${name}_bucket`, { le: "0.001" })).toBe(2);
    expect(sampleOf(page, `${name}_bucket`, { le: "0.002" })).toBe(3);
    expect(sampleOf(page, `${name}_bucket`, { le: "8.192" })).toBe(3);
    expect(sampleOf(page, `${name}_bucket`, { le: "+Inf" })).toBe(4);
    expect(sampleOf(page, `${name}_count`)).toBe(4);
    expect(sampleOf(page, `${name}_sum`)).toBeCloseTo(100.0026);
  });

  it("escapes labels", async () => {
    const metrics = metricsOf();
    metrics.labelled.clientRequests.cell('3.7"\n\\x', "unary").value = 7;
    const labels = { client_api_version: '3.7"\n\\x' };
    expect(sampleOf(await pageOf(metrics), "etcd_server_client_requests_total", labels)).toBe(7);
  });
});

describe("a histogram", () => {
  it("has Prometheus' bounds and puts a value on a bound into its bucket", () => {
    expect(exponentialBounds(0.5, { factor: 2, count: 3 })).toEqual([0.5, 1, 2]);
    const histogram = new Histogram([1, 2]);
    for (const value of [1, 1.5, 2, 3]) histogram.observe(value);
    expect(histogram.cumulativeCounts()).toEqual([1, 3, 4]);
    expect(histogram.sum).toBe(7.5);
  });
});
