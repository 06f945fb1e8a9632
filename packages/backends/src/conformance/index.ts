export { type ConformanceOptions, testEngine } from "./test-engine.js";
