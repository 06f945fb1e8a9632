import { environmentName } from "./environment.js";
import { gates } from "./feature-gates.js";
import { type Flag, flags, type Section } from "./flags.js";

const SECTIONS: readonly Section[] = [
  "Kvorum",
  "Member",
  "Clustering",
  "Security",
  "Auth",
  "Profiling and monitoring",
  "Logging",
  "Distributed tracing",
  "Features",
  "Unsafe",
  "General",
];

/** The short text that goes to stderr after a wrong flag and beside `--help`. */
export const usageText = `Usage:

  kvorum [flags]
    Run a server. Every flag is also read from the environment, for example --data-dir from
    ${environmentName("data-dir")}; a flag and its variable exclude each other.

  kvorum --config-file FILE
    Run a server from a YAML file. All other flags and the environment are ignored. Durations in
    the file are whole nanoseconds, except the milliseconds of heartbeat-interval and
    election-timeout.

  kvorum --version
    Print the version.

  kvorum --help
    Print all flags.
`;

/** The list of all flags that `--help` writes to stdout. */
export function helpText(): string {
  return SECTIONS.map(sectionText).join("\n");
}

function sectionText(section: Section): string {
  const rows = flags.filter((flag) => flag.section === section && !flag.fileOnly);
  return `${section}:\n${rows.map(flagText).join("")}`;
}

function flagText(flag: Flag): string {
  const marks = {
    supported: "",
    ignored: " Accepted and ignored.",
    unsupported: " Not built yet: only the default is accepted.",
  };
  const text = `  --${flag.name} '${flag.default}'\n    ${flag.help}${marks[flag.status]}\n`;
  return flag.type === "gates" ? text + gatesText() : text;
}

function gatesText(): string {
  return Object.entries(gates)
    .map(([name, gate]) => {
      const mark = gate.status === "unsupported" ? ", not built yet" : "";
      return `      ${name} (${gate.stage.toLowerCase()}, default ${gate.default}${mark})\n`;
    })
    .join("");
}
