// `npm run bench`: installs and builds where needed, then compares the engines and etcd.
import { join } from "node:path";
import { root, run, setup } from "./setup.mjs";

setup();
run(process.execPath, [join(root, "bench", "bin", "kvorum-bench.js"), ...process.argv.slice(2)]);
