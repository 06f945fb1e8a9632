import { bytesToLatin1, latin1ToBytes } from "@kvorum/base";
import { ScanBatchBuilder } from "../common/scan-batch.js";
import { BackendError, type Bucket, type ScanBatch, type ScanRange, type View } from "../port.js";
import { freeze, type Volume } from "./disk.js";

/** What a view needs of its store. */
export interface MemoryViewHost {
  /** Throws when the store can't be used any more. */
  check(): void;
  /** Awaited between two batches. */
  pause(): Promise<void>;
}

/** A frozen copy of the trees; they share their nodes with the live ones until those change. */
export class MemoryView implements View {
  readonly #host: MemoryViewHost;
  #buckets: Volume["buckets"] | undefined;

  constructor(volume: Volume, host: MemoryViewHost) {
    this.#host = host;
    this.#buckets = freeze(volume);
  }

  async *scan(bucket: Bucket, range: ScanRange = {}): AsyncGenerator<ScanBatch> {
    const start = range.start === undefined ? undefined : bytesToLatin1(range.start);
    const end = range.end === undefined ? undefined : bytesToLatin1(range.end);
    const builder = new ScanBatchBuilder();
    for (const [key, value] of this.#records()[bucket].entries(start)) {
      if (end !== undefined && key >= end) break;
      builder.add(latin1ToBytes(key), Uint8Array.prototype.slice.call(value));
      if (!builder.full) continue;
      yield builder.take();
      await this.#host.pause();
      this.#records();
    }
    if (!builder.empty) yield builder.take();
  }

  async close(): Promise<void> {
    this.#buckets = undefined;
  }

  #records(): Volume["buckets"] {
    this.#host.check();
    if (this.#buckets === undefined) throw new BackendError("CLOSED", "the view is closed");
    return this.#buckets;
  }
}
