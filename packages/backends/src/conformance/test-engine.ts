import type { Engine } from "../port.js";
import { testCommits } from "./commits.js";
import { ConformanceContext } from "./context.js";
import { testCorruption } from "./corruption.js";
import { testDefragmentation } from "./defragmentation.js";
import { testFullDisk } from "./full-disk.js";
import { testKill } from "./kill.js";
import { testLifecycle } from "./lifecycle.js";
import { testRandomOperations } from "./random-operations.js";
import { testScans } from "./scans.js";
import { testViews } from "./views.js";

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

/**
 * The conformance kit: everything that Kvorum relies on in a storage engine, as tests. An engine
 * that passes can carry a member. Works in temporary directories; asserts with node:assert; takes
 * some ten seconds for an engine that syncs.
 */
export function testEngine(options: ConformanceOptions): void {
  const context = new ConformanceContext(options);
  testLifecycle(context);
  testCommits(context);
  testScans(context);
  testViews(context);
  testRandomOperations(context);
  testDefragmentation(context);
  testKill(context);
  testFullDisk(context);
  testCorruption(context);
}
