// Installs what is missing and builds: what `npm start` and `npm test` do first.
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Runs a program in the workspace and ends this process with its status when it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: "inherit", ...options });
  if (result.error) {
    console.error(`${command} could not be started: ${result.error.message}`);
    process.exit(1);
  }
  if (result.status !== 0) process.exit(result.status ?? 1);
}

function isInstalled() {
  const marker = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(marker)) return false;
  return statSync(marker).mtimeMs >= statSync(join(root, "package-lock.json")).mtimeMs;
}

/** Node's headers beside its executable, for the one dependency that may have to be compiled. */
function headersOfNode() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, "include", "node", "node.h")) ? prefix : undefined;
}

export function setup() {
  if (!isInstalled()) {
    console.log(
      "Installing dependencies (a compiler is needed where better-sqlite3 has no binary)",
    );
    const headers = headersOfNode();
    const env = { ...process.env };
    if (headers !== undefined) env.npm_config_nodedir ??= headers;
    const npm = process.env.npm_execpath;
    const args = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
    if (npm?.endsWith(".js")) run(process.execPath, [npm, ...args], { env });
    else run("npm", args, { env });
  }
  run(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-b"]);
}
