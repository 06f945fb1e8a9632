import { accessSync, constants } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadEngine } from "@kvorum/backends";
import { BenchError } from "../bench-error.js";

/** A server that a comparison starts: what to run, and what it is called in the report. */
export interface Target {
  readonly name: string;
  readonly command: string;
  /** Before those that every server gets (data directory, addresses). */
  readonly args: readonly string[];
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
    args: [KVORUM, "--backend", engine],
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

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
