#!/usr/bin/env -S node --max-semi-space-size=16
import { createRequire } from "node:module";

// Some 400 modules: `require` reads each at once, where `import` goes through the thread pool four
// times for each, which takes a fifth of a start. Node before 20.19 has it for CommonJS only.
if (process.features.require_module) createRequire(import.meta.url)("../dist/main.js");
else await import("../dist/main.js");
