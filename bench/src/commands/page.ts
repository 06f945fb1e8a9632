import { writeFileSync } from "node:fs";
import { BenchError } from "../bench-error.js";
import { joinReports } from "../report/join-reports.js";
import { renderHtml } from "../report/page/html-page.js";
import { readReport } from "../report/read-report.js";
import { renderText } from "../report/render-text.js";
import type { CommandLine } from "./flags.js";

/** Prints and draws a report again, or several of one measurement as one; returns the exit code. @throws BenchError "USAGE" */
export async function page({ flags }: CommandLine): Promise<number> {
  const from = flags.from ?? ["bench-report.json"];
  const [report, other] = joinReports(from.map(readReport));
  if (report === undefined || other !== undefined) {
    throw new BenchError("USAGE", `page takes reports of one measurement: ${from.join(", ")}`);
  }
  console.log(renderText(report, process.stdout.columns));
  const html = flags.html ?? from[0]!.replace(/(\.json)?$/, ".html");
  writeFileSync(html, renderHtml(report));
  console.log(`Written: ${html}`);
  return 0;
}
