import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { BenchError } from "../bench-error.js";

/** A server that a comparison starts: what to run, and what it is called in the report. */
export interface Target {
  readonly name: string;
  readonly command: string;
  /** Before those that every server gets (data directory, addresses). */
  readonly args: readonly string[];
  /** True for what the others are held against. */
  readonly isReference: boolean;
}

const KVORUM = fileURLToPath(new URL("../../../packages/server/bin/kvorum.js", import.meta.url));

/** @param engine a built-in engine, or the path or name of a module */
export function kvorumTarget(engine: string, extraArgs: readonly string[] = []): Target {
  return {
    name: `kvorum ${engine.replace(/^.*[\\/]/, "").replace(/\.[cm]?js$/, "")}`,
    command: process.execPath,
    args: [KVORUM, "--backend", engine, ...extraArgs],
    isReference: false,
  };
}

export function etcdTarget(path: string): Target {
  return { name: "etcd", command: path, args: [], isReference: true };
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
