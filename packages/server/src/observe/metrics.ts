import type { Clock } from "@kvorum/base";
import type { Registry } from "prom-client";
import {
  type FeatureGates,
  type Gate,
  type GateName,
  type GateStage,
  gates,
  STAGE_OF_GROUP,
} from "../config/feature-gates.js";
import { GrpcMetrics, type ServiceShape } from "./grpc-metrics.js";
import {
  createLabelledFamilies,
  type LabelledFamilies,
  PeerHistograms,
} from "./labelled-families.js";
import { type Labels, type MetricFamily, registerFamily, type Sample } from "./metric-family.js";
import { figureFamilies, type NodeFigures } from "./node-figures.js";
import { processFamilies } from "./process-metrics.js";
import {
  createServerHistograms,
  RequestHistograms,
  type ServerHistograms,
} from "./server-histograms.js";

/** What is written as labels of a line that says 1. */
export interface NodeFacts {
  /** "3.7.1" */
  readonly serverVersion: string;
  /** "v20.20.0" */
  readonly runtimeVersion: string;
  /** Hex, without padding; undefined until it is known. */
  readonly memberId: string | undefined;
  /** "3.7"; undefined until it is decided. */
  readonly clusterVersion: string | undefined;
}

export interface MetricsOptions {
  /** All that the gRPC server serves: their lines stand on the page before the first call. */
  readonly services: readonly ServiceShape[];
  /** --metrics=extensive */
  readonly extensive: boolean;
  readonly featureGates: FeatureGates;
  readonly clock: Clock;
  /** Both are called once for each fetched page. */
  readonly figures: () => NodeFigures;
  readonly facts: () => NodeFacts;
}

/**
 * The metrics of a node. What the hot path counts is a plain field of an object it holds; the page
 * is put together when it is fetched.
 */
export interface Metrics {
  readonly grpc: GrpcMetrics;
  readonly histograms: ServerHistograms;
  readonly requests: RequestHistograms;
  readonly labelled: LabelledFamilies;
  readonly peers: PeerHistograms;
  /** The page in Prometheus' text format. */
  text(): Promise<string>;
}

/** Media type of `Metrics.text`. */
export const METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Every metric of a node; one set for each, as several nodes may run in a process. */
export function createMetrics(options: MetricsOptions): Metrics {
  let figures: NodeFigures = {};
  let facts: NodeFacts = options.facts();
  let pages = 0;
  const grpc = new GrpcMetrics(options.services, { extensive: options.extensive });
  const { histograms, families } = createServerHistograms();
  const requests = new RequestHistograms();
  const labelled = createLabelledFamilies();
  const peers = new PeerHistograms();
  // Without labels there is one line, and it is there from the start.
  labelled.healthSuccesses.cell();
  labelled.healthFailures.cell();
  const all: readonly MetricFamily[] = [
    ...factFamilies(() => facts),
    gatesFamily(options.featureGates),
    ...figureFamilies(() => figures),
    ...families,
    ...requests.families(),
    ...Object.values(labelled),
    ...peers.families(),
    ...grpc.families(),
    ...processFamilies(options.clock.wallMs() / 1000 - process.uptime()),
    pagesFamily(() => pages),
  ];
  let registry: Promise<Registry> | undefined;
  const text = async () => {
    registry ??= registryOf(all);
    const loaded = await registry;
    figures = options.figures();
    facts = options.facts();
    const page = loaded.metrics();
    pages++;
    return page;
  };
  return { grpc, histograms, requests, labelled, peers, text };
}

/** The library is loaded with the first page: a start is 50 ms shorter. */
async function registryOf(families: readonly MetricFamily[]): Promise<Registry> {
  const { Registry } = await import("prom-client");
  const registry = new Registry();
  for (const family of [...families].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    registerFamily(registry, family);
  }
  return registry;
}

function factFamilies(facts: () => NodeFacts): readonly MetricFamily[] {
  const rows = [
    ["etcd_server_version", "server_version", "serverVersion", "Version of etcd's API."],
    ["etcd_server_go_version", "server_go_version", "runtimeVersion", "Version of the runtime."],
    ["etcd_server_id", "server_id", "memberId", "Id of this member."],
    ["etcd_cluster_version", "cluster_version", "clusterVersion", "Version of the cluster."],
  ] as const;
  // A version that was left stays on the page as 0, as in etcd.
  return rows.map(([name, label, fact, help]) => {
    const seen = new Set<string>();
    const samples = () => {
      const current = facts()[fact];
      if (current !== undefined) seen.add(current);
      return [...seen].map((value) => ({
        labels: { [label]: value } as Labels,
        value: value === current ? 1 : 0,
      }));
    };
    return { name, help, type: "gauge", samples };
  });
}

function gatesFamily(featureGates: FeatureGates): MetricFamily {
  const line = (name: string, stage: GateStage, isOn: boolean): Sample => ({
    labels: { name, stage },
    value: isOn ? 1 : 0,
  });
  const entries = Object.entries(gates) as [GateName, Gate][];
  const samples = entries.map(([name, { stage }]) => line(name, stage, featureGates[name]));
  for (const [name, stage] of Object.entries(STAGE_OF_GROUP)) {
    const isOn = entries.every(([gate, of]) => of.stage !== stage || featureGates[gate]);
    samples.push(line(name, stage, isOn));
  }
  const help = "1 for each feature gate that is on.";
  return { name: "etcd_server_feature_enabled", help, type: "gauge", samples: () => samples };
}

function pagesFamily(pages: () => number): MetricFamily {
  return {
    name: "promhttp_metric_handler_requests_total",
    help: "Metrics pages served, by HTTP status.",
    type: "counter",
    samples: () => [{ labels: { code: "200" }, value: pages() }],
  };
}
