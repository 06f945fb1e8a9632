import { processIo } from "./cli/process-io.js";
import { runTool } from "./cli/program.js";
import { kvorumctl } from "./ctl/kvorumctl-tool.js";

// Node's deprecations are notices to developers; grpc-js causes one at every TLS endpoint that is an IP.
process.noDeprecation = true;
process.exitCode = await runTool(kvorumctl, process.argv.slice(2), processIo());
// Standard input may still be open; nothing more is read from it.
process.stdin.unref?.();
