import { writeFileSync } from "node:fs";
import { BenchError } from "../bench-error.js";
import { renderHtml } from "../report/page/html-page.js";
import { readReport } from "../report/read-report.js";
import { renderText } from "../report/render-text.js";
import type { CommandLine } from "./flags.js";

/** Prints and draws a report again; returns the exit code. @throws BenchError "USAGE" */
export async function page({ flags }: CommandLine): Promise<number> {
  const [from, more] = flags.from ?? ["bench-report.json"];
  if (more !== undefined) throw new BenchError("USAGE", "page takes one --from");
  const report = readReport(from!);
  console.log(renderText(report, process.stdout.columns));
  const html = flags.html ?? from!.replace(/(\.json)?$/, ".html");
  writeFileSync(html, renderHtml(report));
  console.log(`Written: ${html}`);
  return 0;
}
