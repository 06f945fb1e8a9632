import { yieldToEvents } from "../common/scan-batch.js";
import type { Backend, Capabilities, Engine } from "../port.js";
import { MemoryBackend } from "./backend.js";
import { MemoryDisk } from "./disk.js";

export interface MemoryEngineOptions {
  /** Survives its stores. Without one every store starts empty and ends with its close. */
  readonly disk?: MemoryDisk;
  /**
   * Decides when a commit reaches the disk: called once for each, in order, and must call `apply`
   * in that order, later. Default: a microtask. A simulation puts its own clock here.
   */
  readonly schedule?: (apply: () => void) => void;
  /** Awaited between two batches of a scan. Default: a turn of the event loop. */
  readonly pause?: () => Promise<void>;
}

const CAPABILITIES: Capabilities = {
  persistent: false,
  onlineDefragment: true,
  compression: false,
  zeroCopyReads: false,
};

/**
 * A memory engine of its own. With a disk it has the durability of one: what was committed is there
 * after `disk.crash()`, what had not settled is not.
 */
export function createMemoryEngine(options: MemoryEngineOptions = {}): Engine {
  const { schedule = queueMicrotask, pause = yieldToEvents } = options;
  const capabilities = { ...CAPABILITIES, persistent: options.disk !== undefined };
  return {
    name: "memory",
    capabilities,
    async open({ directory }): Promise<Backend> {
      const disk = options.disk ?? new MemoryDisk();
      return new MemoryBackend({ disk, directory, schedule, pause, capabilities });
    },
  };
}

/** The engine behind `--backend memory`: nothing survives the store. */
export const engine: Engine = createMemoryEngine();
