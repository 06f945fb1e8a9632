import { bytesToLatin1 } from "@kvorum/base";
import { checkOps } from "../common/check-ops.js";
import { Health } from "../common/health.js";
import {
  type Backend,
  BackendError,
  type BackendStat,
  type Bucket,
  type Capabilities,
  type DefragmentProgress,
  type Op,
  type View,
} from "../port.js";
import type { MemoryDisk, Volume } from "./disk.js";
import { MemoryView } from "./view.js";

export interface MemoryBackendOptions {
  readonly disk: MemoryDisk;
  readonly directory: string;
  readonly schedule: (apply: () => void) => void;
  readonly pause: () => Promise<void>;
  readonly capabilities: Capabilities;
}

/**
 * The reference model: ordered maps, nothing else. A commit is applied in one go when its turn
 * comes, so a crash before that loses all of it and a crash after it nothing.
 */
export class MemoryBackend implements Backend {
  readonly capabilities: Capabilities;
  readonly #disk: MemoryDisk;
  readonly #volume: Volume;
  readonly #epoch: number;
  readonly #schedule: (apply: () => void) => void;
  readonly #pause: () => Promise<void>;
  readonly #health: Health;
  readonly #directory: string;
  #lastCommit: Promise<void> = Promise.resolve();

  constructor(options: MemoryBackendOptions) {
    this.capabilities = options.capabilities;
    this.#disk = options.disk;
    this.#directory = options.directory;
    this.#volume = options.disk.volume(options.directory);
    this.#epoch = this.#volume.epoch;
    this.#schedule = options.schedule;
    this.#pause = options.pause;
    this.#health = new Health(options.directory);
  }

  get(bucket: Bucket, key: Uint8Array): Uint8Array | undefined {
    this.#check();
    const value = this.#volume.buckets[bucket].get(bytesToLatin1(key));
    return value === undefined ? undefined : Uint8Array.prototype.slice.call(value);
  }

  commit(ops: readonly Op[]): Promise<void> {
    checkOps(ops);
    const commit = new Promise<void>((resolve, reject) => {
      this.#check();
      this.#schedule(() => {
        try {
          this.#check();
          this.#apply(ops);
          resolve();
        } catch (error) {
          reject(error);
        }
      });
    });
    this.#lastCommit = commit.catch(() => {});
    return commit;
  }

  async view(): Promise<View> {
    this.#check();
    return new MemoryView(this.#volume, { check: () => this.#check(), pause: this.#pause });
  }

  stat(): BackendStat {
    this.#check();
    const { sizeBytes } = this.#volume;
    return { sizeBytes, sizeInUseBytes: sizeBytes };
  }

  async defragment(onProgress: (progress: DefragmentProgress) => void): Promise<void> {
    this.#check();
    const { sizeBytes } = this.#volume;
    onProgress({ doneBytes: sizeBytes, totalBytes: sizeBytes });
  }

  async close(): Promise<void> {
    await this.#lastCommit;
    this.#health.close();
  }

  #check(): void {
    if (this.#volume.epoch !== this.#epoch) {
      this.#health.fail(new BackendError("IO", `${this.#directory}: the memory disk has crashed`));
    }
    this.#health.check();
  }

  #apply(ops: readonly Op[]): void {
    const growth = ops.reduce((sum, op) => sum + op.key.length + (op.value?.length ?? 0), 0);
    if (this.#volume.sizeBytes + growth > this.#disk.capacityBytes) {
      const message = `${this.#directory}: the memory disk is full`;
      throw this.#health.fail(new BackendError("NO_SPACE", message));
    }
    const { buckets } = this.#volume;
    for (const { bucket, key, value } of ops) {
      const records = buckets[bucket];
      const text = bytesToLatin1(key);
      const old = records.get(text);
      if (old !== undefined) this.#volume.sizeBytes -= text.length + old.length;
      if (value === undefined) {
        records.delete(text);
      } else {
        // The caller gets its bytes back when the commit settles, so they are copied.
        records.set(text, Uint8Array.prototype.slice.call(value));
        this.#volume.sizeBytes += text.length + value.length;
      }
    }
  }
}
