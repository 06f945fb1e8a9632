import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BenchError } from "../bench-error.js";
import { readReport } from "../report/read-report.js";
import { readmeText } from "../report/readme-text.js";
import type { CommandLine } from "./flags.js";

const README = fileURLToPath(new URL("../../../README.md", import.meta.url));
const BEGIN = "<!-- bench:begin -->";
const END = "<!-- bench:end -->";

/** Writes the tables of reports between the marks of a README. @throws BenchError "USAGE" */
export async function readme({ flags }: CommandLine): Promise<number> {
  const file = flags.file ?? README;
  const reports = (flags.from ?? ["bench-report.json"]).map(readReport);
  const text = read(file);
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) {
    throw new BenchError("USAGE", `${file} has no marks ${BEGIN} and ${END}`);
  }
  const table = readmeText(reports);
  writeFileSync(file, `${text.slice(0, begin)}${BEGIN}\n${table}\n${text.slice(end)}`);
  console.log(`Written: ${file}`);
  return 0;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new BenchError("USAGE", `--file ${path} can't be read`, { cause });
  }
}
