export type { Io, Sink } from "./cli/io.js";
export { runTool, type Tool } from "./cli/program.js";
export { kvorumctl } from "./ctl/kvorumctl-tool.js";
export { kvorumutl } from "./utl/kvorumutl-tool.js";
