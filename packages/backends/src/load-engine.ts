import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { isAbsolute, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { messageOf } from "@kvorum/base";
import { BackendError, type Engine } from "./port.js";

/** The engines of this package, in the order in which help texts name them. */
export const ENGINE_NAMES = ["lmdb", "leveldb", "sqlite", "memory"] as const;

type EngineName = (typeof ENGINE_NAMES)[number];

const BUILT_IN: Readonly<Record<EngineName, () => Promise<unknown>>> = {
  lmdb: () => import("./lmdb/engine.js"),
  leveldb: () => import("./leveldb/engine.js"),
  sqlite: () => import("./sqlite/engine.js"),
  memory: () => import("./memory/engine.js"),
};

/**
 * The engine behind the value of `--backend`; only the one that is asked for is loaded.
 * @param nameOrModule a name of `ENGINE_NAMES`, a path ("./my-engine.js", relative to the working
 *   directory, or absolute), or a module installed there; such a module exports `engine` or
 *   a default
 * @throws BackendError "ENGINE"
 */
export async function loadEngine(nameOrModule: string): Promise<Engine> {
  let module: unknown;
  try {
    module = isBuiltIn(nameOrModule)
      ? await BUILT_IN[nameOrModule]()
      : await import(locate(nameOrModule));
  } catch (error) {
    // Node adds lines about which module asked for it.
    const [reason] = messageOf(error).split("\n", 1);
    throw unusable(nameOrModule, `it can't be loaded: ${reason}`, error);
  }
  const engine = exportedEngine(module);
  const fault = faultOf(engine);
  if (fault !== undefined) throw unusable(nameOrModule, fault);
  return engine as Engine;
}

function isBuiltIn(name: string): name is EngineName {
  return (ENGINE_NAMES as readonly string[]).includes(name);
}

/** The URL of a path or module, seen from the working directory and not from this package. */
function locate(nameOrModule: string): string {
  const path = resolve(nameOrModule);
  const looksLikePath = /^\.{1,2}[\\/]/.test(nameOrModule) || isAbsolute(nameOrModule);
  if (looksLikePath || existsSync(path)) return pathToFileURL(path).href;
  const found = createRequire(join(process.cwd(), "package.json")).resolve(nameOrModule);
  return pathToFileURL(found).href;
}

/** `engine`, or the default; a CommonJS module has its exports under the default. */
function exportedEngine(module: unknown): unknown {
  const direct = property(module, "engine");
  if (direct !== undefined) return direct;
  const fallback = property(module, "default");
  return property(fallback, "engine") ?? property(fallback, "default") ?? fallback;
}

const FLAGS = ["persistent", "onlineDefragment", "compression", "zeroCopyReads"] as const;

function faultOf(engine: unknown): string | undefined {
  if (engine === undefined) return 'it exports neither "engine" nor a default';
  const name = property(engine, "name");
  if (typeof name !== "string" || name === "") return 'its "name" is not a non-empty string';
  if (typeof property(engine, "open") !== "function") return 'its "open" is not a function';
  const capabilities = property(engine, "capabilities");
  const missing = FLAGS.find((flag) => typeof property(capabilities, flag) !== "boolean");
  return missing && `its "capabilities.${missing}" is not a boolean`;
}

function property(value: unknown, name: string): unknown {
  if ((typeof value !== "object" && typeof value !== "function") || value === null)
    return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}

function unusable(value: string, fault: string, cause?: unknown): BackendError {
  return new BackendError(
    "ENGINE",
    `--backend ${JSON.stringify(value)} is no storage engine: ${fault}. ` +
      `Give one of ${ENGINE_NAMES.join(", ")}, or the path or name of a module that exports ` +
      "an engine (docs/engines.md)",
    { cause },
  );
}
