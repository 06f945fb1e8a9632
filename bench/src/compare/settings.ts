import { BenchError } from "../bench-error.js";
import type { LoadOptions } from "../load/load-options.js";
import { FILL } from "../workloads/kv-workloads.js";
import type { Workload } from "../workloads/workload.js";
import type { Side } from "./measure-run.js";
import type { ReportedWorkload } from "./run-record.js";

/** A workload in one setting: a row of the report. */
export interface Row extends ReportedWorkload {
  readonly workload: Workload;
  readonly side: Side;
  /** Where its load differs from that of the comparison. */
  readonly load?: Partial<Omit<LoadOptions, "endpoints">>;
}

/** Servers of one size, and what is asked of each. */
export interface Setting {
  /** Processes of one target. */
  readonly members: number;
  readonly rows: readonly Row[];
}

/** How many members a comparison may have: one, or the least that outlives a failure. */
const MEMBERS: readonly number[] = [1, 3];

/** "1,3" of the command line. @throws BenchError "USAGE" */
export function parseMembers(text: string): number[] {
  const members = text.split(",").map(Number);
  if (members.some((count) => !MEMBERS.includes(count)) || new Set(members).size < members.length) {
    throw new BenchError("USAGE", `--members ${text}: must be ${MEMBERS.join(", ")} or both`);
  }
  return members;
}

/**
 * The rows of every size: for one process each workload; for three members each workload at the
 * leader and again at a follower, without those that must own the one server.
 */
export function settingsOf(members: readonly number[], workloads: readonly Workload[]): Setting[] {
  const filled = workloads.some((workload) => workload.needsFill) ? [FILL] : [];
  return members.map((count) => {
    if (count === 1) return { members: 1, rows: [...filled, ...workloads].map(rowAlone) };
    const shared = workloads.filter((workload) => !workload.needsControl);
    const rows = (["leader", "follower"] as const).flatMap((side) =>
      shared.map((workload) => rowAt(workload, count, side)),
    );
    return { members: count, rows: [...filled.map((w) => rowAt(w, count, "leader")), ...rows] };
  });
}

/** The row that fills the key space; undefined where none is needed. */
export function fillRow({ rows }: Setting): Row | undefined {
  return rows.find((row) => row.workload === FILL);
}

function rowAlone(workload: Workload): Row {
  const { name, title, family } = workload;
  return { ...{ workload, name, title, side: "leader" }, ...(family && { family }) };
}

function rowAt(workload: Workload, members: number, side: Side): Row {
  return {
    ...{ workload, side, name: `${workload.name}@${members}-${side}` },
    title: `${workload.title}; ${side === "leader" ? "at the leader" : "at a follower"}`,
    family: `Three members, load ${side === "leader" ? "at the leader" : "at a follower"}`,
  };
}
