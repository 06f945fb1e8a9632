// Kills a node under load, again and again, and checks that nothing acknowledged is lost:
// `node scripts/kill-rounds.mjs --rounds 200 --engine lmdb [--seed 1]`. Needs a build.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "./setup.mjs";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "200" },
    engine: { type: "string" },
    seed: { type: "string", default: String(Date.now() % 2 ** 32) },
  },
});
console.log(`seed ${values.seed}`);
const env = { ...process.env, KVORUM_SEED: values.seed, KVORUM_KILL_ROUNDS: values.rounds };
if (values.engine !== undefined) env.KVORUM_KILL_ENGINE = values.engine;
const vitest = join(root, "node_modules", ".bin", "vitest");
const run = ["run", "tests/e2e/kill.test.ts", "--disable-console-intercept"];
process.exitCode = spawnSync(vitest, run, { cwd: root, env, stdio: "inherit" }).status ?? 1;
