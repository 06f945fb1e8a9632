/** The real implementations of the ports, over Node. Nothing pure may import this entry. */
export { nodeClock } from "./node/clock.js";
export { nodeFileSystem } from "./node/file-system.js";
