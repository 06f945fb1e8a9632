import type { Comparison, ReportedWorkload } from "../../compare/run-record.js";

/** A part of the page with a heading that the navigation names. */
export interface Part {
  readonly heading: string;
  readonly content: string;
}

/** The workloads under their headings, in the order of the report. */
export function familiesOf({
  workloads,
}: Pick<Comparison, "workloads">): { heading: string; workloads: ReportedWorkload[] }[] {
  const families = new Map<string, ReportedWorkload[]>();
  for (const workload of workloads) {
    const heading = workload.family ?? "Workloads";
    families.set(heading, [...(families.get(heading) ?? []), workload]);
  }
  return [...families].map(([heading, members]) => ({ heading, workloads: members }));
}
