import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadEngine } from "../load-engine.js";
import type { Backend, BackendError, Bucket, Engine, ScanRange, View } from "../port.js";

export interface ConformanceOptions {
  /**
   * What `--backend` would be given: a name, a path or a module. An engine itself will do, but then
   * the tests that kill a process are skipped, because a child can't load it.
   */
  readonly engine: string | Engine;
  /** Registers a test: `test` of vitest, of node:test or of any runner with this shape. */
  readonly test: (name: string, run: () => Promise<void>) => unknown;
  /** For the random tests; default KVORUM_SEED, else by chance. It is printed. */
  readonly seed?: number;
}

/** What the groups of tests share: the engine, directories, and how to register a test. */
export class ConformanceContext {
  readonly #options: ConformanceOptions;
  readonly seed: number;

  constructor(options: ConformanceOptions) {
    this.#options = options;
    const given = options.seed ?? Number(process.env.KVORUM_SEED);
    this.seed = Number.isSafeInteger(given) ? given : Math.floor(Math.random() * 2 ** 31);
  }

  /** What a child process can load, if there is such a thing. */
  get loadable(): string | undefined {
    return typeof this.#options.engine === "string" ? this.#options.engine : undefined;
  }

  engine(): Promise<Engine> {
    const { engine } = this.#options;
    return typeof engine === "string" ? loadEngine(engine) : Promise.resolve(engine);
  }

  /** Registers a test that gets the engine and an empty directory, which is removed afterwards. */
  test(name: string, run: (engine: Engine, directory: string) => Promise<void>): void {
    this.#options.test(name, async () => {
      const engine = await this.engine();
      const parent = await mkdtemp(join(tmpdir(), "kvorum-conformance-"));
      try {
        await run(engine, join(parent, "store"));
      } finally {
        await rm(parent, { recursive: true, force: true });
      }
    });
  }

  /** As `test`, with an open store, which is closed afterwards. */
  testStore(name: string, run: (store: Backend) => Promise<void>): void {
    this.test(name, async (engine, directory) => {
      const store = await engine.open({ directory });
      try {
        await run(store);
      } finally {
        await store.close();
      }
    });
  }

  /** Says why a test proves nothing here. */
  skip(test: string, reason: string): void {
    console.log(`conformance: skipped "${test}": ${reason}`);
  }
}

/** All records of a range, as hex key and value. */
export async function collect(
  view: View,
  bucket: Bucket,
  range?: ScanRange,
): Promise<[key: string, value: string][]> {
  const records: [string, string][] = [];
  for await (const { keys, values } of view.scan(bucket, range)) {
    for (let i = 0; i < keys.length; i++) records.push([hex(keys[i]!), hex(values[i]!)]);
  }
  return records;
}

/** As `collect`, on a view of its own. */
export async function collectNow(
  store: Backend,
  bucket: Bucket,
  range?: ScanRange,
): Promise<[key: string, value: string][]> {
  const view = await store.view();
  try {
    return await collect(view, bucket, range);
  } finally {
    await view.close();
  }
}

/**
 * By name and code and not by its class: an engine may have got its `BackendError` from another
 * copy of the package.
 */
export function isBackendError(error: unknown): error is BackendError {
  return error instanceof Error && error.name === "BackendError" && "code" in error;
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}
