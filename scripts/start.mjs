// `npm start`: installs and builds where needed, then runs a node; `npm start -- --backend sqlite`.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { root, setup } from "./setup.mjs";

setup();
const isLogSet = process.argv.some((argument) => /^--?log-(level|format|outputs)/.test(argument));
const quiet = isLogSet ? [] : ["--log-format=console", "--log-level=error"];
const node = spawn(
  join(root, "node_modules", ".bin", "kvorum"),
  [...quiet, ...process.argv.slice(2)],
  { stdio: "inherit", env: { ...process.env, KVORUM_BANNER: "1" } },
);
// A terminal's Ctrl-C reaches the node by itself; other signals are passed on.
process.on("SIGINT", () => {
  if (!process.stdin.isTTY) node.kill("SIGINT");
});
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => node.kill(signal));
node.on("error", (error) => {
  console.error(`the node could not be started: ${error.message}`);
  process.exit(1);
});
node.on("exit", (code, signal) => {
  process.exit(code ?? (signal === "SIGINT" || signal === "SIGTERM" ? 0 : 1));
});
