// `npm test`: installs, builds, lints, and runs every test; `npm test -- packages/raft` runs some.
import { join } from "node:path";
import { root, run, setup } from "./setup.mjs";

setup();
const bin = (name) => join(root, "node_modules", ".bin", name);
run(bin("biome"), ["check", "."]);
run(bin("vitest"), ["run", ...process.argv.slice(2)]);
