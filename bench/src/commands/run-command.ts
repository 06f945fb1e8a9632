import { runGuard } from "../guard/run-guard.js";
import { runMicro } from "../micro/run-micro.js";
import { compare } from "./compare.js";
import { type CommandLine, parseCommandLine, type Verb } from "./flags.js";
import { growth } from "./growth.js";
import { helpText } from "./help.js";
import { large } from "./large.js";
import { load } from "./load.js";
import { page } from "./page.js";
import { readme } from "./readme.js";

const COMMANDS: Readonly<Record<Verb, (line: CommandLine) => Promise<number>>> = {
  ...{ compare, growth, large, load, page, readme },
  micro: ({ flags }) => runMicro({ engines: flags.engines, stages: flags.stages }),
  guard: (line) => runGuard(line),
};

/** Runs what the command line asks for; returns the exit code. @throws BenchError */
export async function runCommand(args: readonly string[]): Promise<number> {
  const line = parseCommandLine(args);
  if (!line.flags.help) return COMMANDS[line.verb](line);
  const isNamed = args.includes(line.verb);
  console.log(helpText(isNamed ? line.verb : undefined));
  return 0;
}
