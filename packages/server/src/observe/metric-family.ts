import type { Metric, Registry } from "prom-client";
import type { Histogram } from "./histogram.js";

export type MetricType = "counter" | "gauge" | "histogram";
export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  /** When it is not the family's own name: "name_bucket", "name_sum", "name_count". */
  readonly metricName?: string;
  readonly labels: Labels;
  readonly value: number;
}

/** A metric that is asked for its values when the page is fetched, and costs nothing before. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  samples(): Sample[];
}

/** Puts a family on the registry's page. @throws when its name is taken */
export function registerFamily(registry: Registry, family: MetricFamily): void {
  const { name, help, type } = family;
  const metric = {
    name,
    help,
    type,
    get: async () => ({ name, help, type, values: family.samples(), aggregator: "sum" }),
    reset: () => {},
  };
  // The registry only reads `name` and calls `get`; its type wants one of the library's classes,
  // which would have to be fed on the hot path.
  registry.registerMetric(metric as unknown as Metric);
}

/** The lines of one histogram; bucket labels are written as Go does ("0.001", "+Inf"). */
export function histogramSamples(name: string, labels: Labels, histogram: Histogram): Sample[] {
  const counts = histogram.cumulativeCounts();
  const samples: Sample[] = counts.map((value, index) => ({
    metricName: `${name}_bucket`,
    labels: { ...labels, le: boundText(histogram.bounds[index]) },
    value,
  }));
  samples.push({ metricName: `${name}_sum`, labels, value: histogram.sum });
  samples.push({ metricName: `${name}_count`, labels, value: counts.at(-1)! });
  return samples;
}

function boundText(bound: number | undefined): string {
  if (bound === undefined) return "+Inf";
  return bound >= 1e21 ? bound.toExponential() : String(bound);
}
