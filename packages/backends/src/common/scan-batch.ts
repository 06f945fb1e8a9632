import { SCAN_BATCH_BYTES_MAX, SCAN_BATCH_RECORDS_MAX } from "../limits.js";
import type { ScanBatch } from "../port.js";

/** Collects consecutive records until a batch is full. */
export class ScanBatchBuilder {
  #keys: Uint8Array[] = [];
  #values: Uint8Array[] = [];
  #bytes = 0;

  /** Adds a record; the builder keeps the arrays. */
  add(key: Uint8Array, value: Uint8Array): void {
    this.#keys.push(key);
    this.#values.push(value);
    this.#bytes += key.length + value.length;
  }

  get empty(): boolean {
    return this.#keys.length === 0;
  }

  /** True when the batch is to be handed over before another record is added. */
  get full(): boolean {
    return this.#keys.length >= SCAN_BATCH_RECORDS_MAX || this.#bytes >= SCAN_BATCH_BYTES_MAX;
  }

  /** The records so far; the builder starts anew. */
  take(): ScanBatch {
    const batch = { keys: this.#keys, values: this.#values };
    this.#keys = [];
    this.#values = [];
    this.#bytes = 0;
    return batch;
  }
}

/** Lets the events at hand run: a scan that reads synchronously yields between two batches. */
export function yieldToEvents(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
