import CliTable from "cli-table3";
import type { Formatter } from "./formatter.js";
import { hashRows, healthRows, memberRows, type Rows, statusRows } from "./rows.js";

/** Box-drawn tables: headers in capitals and centered, cells to the right. */
export const table: Formatter = {
  memberList: (response, { line }) => line(drawTable(memberRows(response))),
  endpointHealth: (list, { line }) => line(drawTable(healthRows(list))),
  endpointStatus: (list, { line }) => line(drawTable(statusRows(list))),
  endpointHash: (list, { line }) => line(drawTable(hashRows(list))),
};

export function drawTable({ head, rows }: Rows): string {
  const titles = head.map((title) => title.toUpperCase().replaceAll("_", " "));
  const drawn = new CliTable({
    colAligns: titles.map(() => "right"),
    // Colours and per-row rules are what etcd's tables do not have.
    style: { head: [], border: [], compact: true },
  });
  drawn.push(titles.map((content) => ({ content, hAlign: "center" as const })));
  for (const row of rows) drawn.push([...row]);
  return withHeadRule(drawn.toString());
}

/** Draws the rule under the head, which a compact table of cli-table3 only has for its own head. */
function withHeadRule(text: string): string {
  const lines = text.split("\n");
  const rule = lines[0]!.replace("┌", "├").replaceAll("┬", "┼").replace("┐", "┤");
  lines.splice(2, 0, rule);
  return lines.join("\n");
}
