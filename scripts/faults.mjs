// Harms clusters under load and checks that nothing acknowledged is lost and every history is
// linearizable: `node scripts/faults.mjs --rounds 100 --seed 1 --backends lmdb,leveldb,sqlite`.
// Prints the matrix of faults with its counts. Replaces certificates and lets them expire, too.
// Needs a build.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "./setup.mjs";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "48" },
    seed: { type: "string", default: String(Date.now() % 2 ** 32) },
    backends: { type: "string", default: "lmdb,leveldb,sqlite" },
  },
});
console.log(`seed ${values.seed}`);
const env = {
  ...process.env,
  KVORUM_SEED: values.seed,
  KVORUM_FAULT_ROUNDS: values.rounds,
  KVORUM_FAULT_BACKENDS: values.backends,
};
const vitest = join(root, "node_modules", ".bin", "vitest");
const tests = ["tests/cluster/faults.test.ts", "tests/cluster/certificates.test.ts"];
const run = ["run", ...tests, "--disable-console-intercept"];
process.exitCode = spawnSync(vitest, run, { cwd: root, env, stdio: "inherit" }).status ?? 1;
