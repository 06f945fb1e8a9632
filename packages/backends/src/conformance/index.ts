export type { ConformanceOptions } from "./context.js";
export { testEngine } from "./test-engine.js";
