import { processIo } from "./cli/process-io.js";
import { runTool } from "./cli/program.js";
import { kvorumctl } from "./ctl/kvorumctl-tool.js";

process.exitCode = await runTool(kvorumctl, process.argv.slice(2), processIo());
// Standard input may still be open; nothing more is read from it.
process.stdin.unref?.();
