import { processIo } from "./cli/process-io.js";
import { runTool } from "./cli/program.js";
import { kvorumutl } from "./utl/kvorumutl-tool.js";

process.exitCode = await runTool(kvorumutl, process.argv.slice(2), processIo());
process.stdin.unref?.();
