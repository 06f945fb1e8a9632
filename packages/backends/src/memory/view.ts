import { bytesToLatin1, latin1ToBytes } from "@kvorum/base";
import { ScanBatchBuilder, yieldToEvents } from "../common/scan-batch.js";
import { BackendError, type Bucket, type ScanBatch, type ScanRange, type View } from "../port.js";
import { freeze, type Volume } from "./disk.js";

/** A frozen copy of the trees; they share their nodes with the live ones until those change. */
export class MemoryView implements View {
  readonly #check: () => void;
  #buckets: Volume["buckets"] | undefined;

  /** @param check throws when the store can't be used any more */
  constructor(volume: Volume, check: () => void) {
    this.#check = check;
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
      await yieldToEvents();
      this.#records();
    }
    if (!builder.empty) yield builder.take();
  }

  async close(): Promise<void> {
    this.#buckets = undefined;
  }

  #records(): Volume["buckets"] {
    this.#check();
    if (this.#buckets === undefined) throw new BackendError("CLOSED", "the view is closed");
    return this.#buckets;
  }
}
