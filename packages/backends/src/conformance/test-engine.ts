import { testCommits } from "./commits.js";
import { ConformanceContext, type ConformanceOptions } from "./context.js";
import { testCorruption } from "./corruption.js";
import { testDefragmentation } from "./defragmentation.js";
import { testFullDisk } from "./full-disk.js";
import { testKill } from "./kill.js";
import { testLifecycle } from "./lifecycle.js";
import { testRandomOperations } from "./random-operations.js";
import { testScans } from "./scans.js";
import { testViews } from "./views.js";

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
