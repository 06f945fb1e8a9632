import { execFile } from "node:child_process";
import { accessSync, constants, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { loadEngine } from "@kvorum/backends";
import { BenchError } from "../bench-error.js";

/** A server that a comparison starts: what to run, and what it is called in the report. */
export interface Target {
  readonly name: string;
  readonly command: string;
  /** Before those that every server gets (data directory, addresses). */
  readonly args: readonly string[];
  /** Make it print its version. */
  readonly versionArgs: readonly string[];
  /** True for what the others are held against. */
  readonly isReference: boolean;
  /** False where the data end with the process: nothing that restarts is asked of it. */
  readonly isPersistent: boolean;
  /** Restores a snapshot: gets `snapshot restore FILE --data-dir DIR` behind these. */
  readonly utility: { readonly command: string; readonly args: readonly string[] };
  /** Behind them. */
  readonly restoreArgs: readonly string[];
}

const KVORUM = fileURLToPath(new URL("../../../packages/server/bin/kvorum.js", import.meta.url));

const KVORUMUTL = fileURLToPath(new URL("../../../packages/ctl/bin/kvorumutl.js", import.meta.url));

/**
 * @param engine a built-in engine, or the path or name of a module
 * @throws BackendError "ENGINE"
 */
export async function kvorumTarget(engine: string): Promise<Target> {
  const { capabilities } = await loadEngine(engine);
  return {
    name: `kvorum ${engine.replace(/^.*[\\/]/, "").replace(/\.[cm]?js$/, "")}`,
    command: process.execPath,
    args: [...nodeFlags(KVORUM), KVORUM, "--backend", engine],
    versionArgs: [KVORUM, "--version"],
    isReference: false,
    isPersistent: capabilities.persistent,
    utility: { command: process.execPath, args: [KVORUMUTL] },
    restoreArgs: ["--backend", engine],
  };
}

/** @param path of the server; its `etcdutl` is expected beside it */
export function etcdTarget(path: string): Target {
  return {
    ...{ name: "etcd", command: path, args: [], isReference: true, isPersistent: true },
    versionArgs: ["--version"],
    utility: { command: join(dirname(path), "etcdutl"), args: [] },
    restoreArgs: [],
  };
}

/** The etcd to compare with: `path`, else one on PATH, else none. @throws BenchError "USAGE" */
export function findEtcd(path: string | undefined): string | undefined {
  if (path !== undefined) {
    if (!isExecutable(path)) throw new BenchError("USAGE", `--etcd ${path} is no program`);
    return path;
  }
  const directories = (process.env.PATH ?? "").split(delimiter).filter((entry) => entry !== "");
  return directories.map((directory) => join(directory, "etcd")).find(isExecutable);
}

/** "3.7.1", as the program prints it; "unknown" where it doesn't. */
export async function versionOf({ command, versionArgs }: Target): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(command, [...versionArgs]);
    const versions = [...stdout.matchAll(/^(?!Go )\w+ Version: (\S+)$/gm)];
    // Kvorum names the etcd whose API it speaks first, and itself last.
    return versions.at(-1)?.[1] ?? "unknown";
  } catch {
    return "unknown";
  }
}

/** The flags of Node in the first line of an executable: it runs with them when called by name. */
function nodeFlags(path: string): string[] {
  const [first = ""] = readFileSync(path, "utf8").split("\n", 1);
  return /^#!.*\bnode((?: --\S+)*)$/.exec(first)?.[1]?.split(" ").filter(Boolean) ?? [];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
