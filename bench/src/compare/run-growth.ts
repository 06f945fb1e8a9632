import { join } from "node:path";
import { fill } from "../workloads/kv-workloads.js";
import type { Workload } from "../workloads/workload.js";
import type { ComparisonOptions } from "./comparison-session.js";
import type { Host } from "./host.js";
import { inSession, runRow, withHosts } from "./run-comparison.js";
import type { Comparison, CurvePosition } from "./run-record.js";
import type { Row, Setting } from "./settings.js";

/** One stage of a growing store: what fills it up, then what is measured on it. */
export interface GrowthStage {
  readonly filling: Row;
  readonly measured: readonly Row[];
}

/** Where curves are taken. */
export interface GrowthAxes {
  /** Growing. */
  readonly keys: readonly number[];
  /** Growing; taken on the first number of keys. */
  readonly connections: readonly number[];
  /** Calls at a time on each of those connections. */
  readonly streams: number;
  /** What is asked at every point. */
  readonly workloads: readonly Workload[];
}

export function growthStages(axes: GrowthAxes): GrowthStage[] {
  return axes.keys.map((keyCount, i) => {
    const first = axes.keys[i - 1] ?? 0;
    const measured = axes.workloads.map((workload) => rowOf(workload, "keys", { keyCount }));
    const widths = i > 0 ? [] : axes.connections;
    const more = axes.workloads.flatMap((workload) =>
      widths.map((connections) =>
        rowOf(workload, "connections", { keyCount, connections, streams: axes.streams }),
      ),
    );
    return {
      filling: rowOf(fillFrom(first), "keys", { keyCount }),
      measured: [...measured, ...more],
    };
  });
}

/** All rows, as the report lists them. */
export function growthSetting(stages: readonly GrowthStage[]): Setting {
  return { members: 1, rows: stages.flatMap(({ filling, measured }) => [filling, ...measured]) };
}

/**
 * Lets the stores of all targets grow stage by stage. Every row is measured on one target after the
 * other, so that the points that are held against each other lie close together in time.
 */
export function runGrowth(
  options: ComparisonOptions,
  stages: readonly GrowthStage[],
): Promise<Comparison> {
  const { targets, rounds } = options;
  const measured = stages.reduce((sum, stage) => sum + stage.measured.length, 0);
  const steps = targets.length * (1 + stages.length + measured * rounds);
  return inSession(options, steps, async (session) => {
    const start = { targets, directory: join(session.directory, "growth"), members: 1 };
    await withHosts(session, start, async (hosts) => {
      let growing: readonly Host[] = hosts;
      for (const { filling, measured: rows } of stages) {
        growing = await filter(growing, (host) => runRow(session, host, filling, { round: 0 }));
        for (const row of rows) {
          for (let round = 0; round < rounds; round++) {
            for (const host of growing) await runRow(session, host, row, { round });
          }
        }
      }
    });
  });
}

/** Keeps what `test`, asked one after the other, holds good. */
async function filter(
  hosts: readonly Host[],
  test: (host: Host) => Promise<boolean>,
): Promise<Host[]> {
  const kept: Host[] = [];
  for (const host of hosts) if (await test(host)) kept.push(host);
  return kept;
}

function fillFrom(first: number): Workload {
  return {
    ...{ name: "fill", title: "fill", needsFill: false },
    run: ({ load }) => fill(load, first),
  };
}

function rowOf(
  workload: Workload,
  axis: "keys" | "connections",
  load: NonNullable<Row["load"]>,
): Row {
  const value = axis === "keys" ? load.keyCount! : load.connections!;
  const point: CurvePosition = { axis, value, curve: workload.name };
  return {
    ...{ workload, side: "leader", load, point },
    name: `${workload.name}@${value}-${axis}`,
    title: `${workload.title}, ${value.toLocaleString("en-US")} ${axis}`,
  };
}
