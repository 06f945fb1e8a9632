import type { Backend, Capabilities, Engine } from "../port.js";
import { MemoryBackend } from "./backend.js";
import { MemoryDisk } from "./disk.js";

export interface MemoryEngineOptions {
  /** Survives its stores. Without one every store starts empty and ends with its close. */
  readonly disk?: MemoryDisk;
  /**
   * Decides when a commit reaches the disk: called once for each, in order, and must call `apply` in
   * that order, later. Default: a microtask. A simulation puts its own clock here.
   */
  readonly schedule?: (apply: () => void) => void;
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
  const schedule = options.schedule ?? queueMicrotask;
  const capabilities = { ...CAPABILITIES, persistent: options.disk !== undefined };
  return {
    name: "memory",
    capabilities,
    async open({ directory }): Promise<Backend> {
      const disk = options.disk ?? new MemoryDisk();
      return new MemoryBackend({ disk, directory, schedule, capabilities });
    },
  };
}

/** The engine behind `--backend memory`: nothing survives the store. */
export const engine: Engine = createMemoryEngine();
