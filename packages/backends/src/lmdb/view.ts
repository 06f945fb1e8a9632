import { compareBytes } from "@kvorum/base";
import { toBackendError } from "../common/backend-errors.js";
import type { Health } from "../common/health.js";
import { unseal } from "../common/record-checksum.js";
import { ScanBatchBuilder, yieldToEvents } from "../common/scan-batch.js";
import { SCAN_BATCH_RECORDS_MAX } from "../limits.js";
import { BackendError, type Bucket, type ScanBatch, type ScanRange, type View } from "../port.js";
import { type Environment, pinNow } from "./environment.js";
import { aboveHead, HEAD_BYTES, headOf, isLongKey, splitLong, storedKey } from "./key-codec.js";

interface StoredPair {
  readonly key: Buffer;
  readonly value: Buffer;
}

interface FullPair {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** A read transaction that stays on the pages of its moment. */
export class LmdbView implements View {
  readonly environment: Environment;
  /** Resolves when the view is closed. */
  readonly closed: Promise<void>;
  readonly #health: Health;
  readonly #transaction: ReturnType<typeof pinNow>;
  readonly #onClose: () => void;
  #open = true;

  constructor(environment: Environment, health: Health, forget: () => void) {
    this.environment = environment;
    this.#health = health;
    let settle = (): void => {};
    this.closed = new Promise((resolve) => {
      settle = resolve;
    });
    this.#onClose = () => {
      forget();
      settle();
    };
    try {
      this.#transaction = pinNow(environment);
    } catch (error) {
      throw toBackendError(error, environment.file);
    }
  }

  async *scan(bucket: Bucket, range: ScanRange = {}): AsyncGenerator<ScanBatch> {
    const builder = new ScanBatchBuilder();
    let group: FullPair[] = [];
    let after: Buffer | undefined;
    for (;;) {
      const page = this.#page(bucket, range, after);
      for (const pair of page) {
        const full = this.#unpack(bucket, pair);
        // Keys that share a long head come in the order of their hashes: sort the group first.
        if (group.length > 0 && !sameGroup(group[0]!, full)) {
          yield* drain(group, range, builder);
          group = [];
        }
        if (isLongKey(full.key)) group.push(full);
        else if (inRange(full.key, range)) builder.add(full.key, full.value);
        if (!builder.full) continue;
        yield builder.take();
        await yieldToEvents();
        this.#check();
      }
      if (page.length === 0) break;
      after = page.at(-1)!.key;
      await yieldToEvents();
    }
    yield* drain(group, range, builder);
    if (!builder.empty) yield builder.take();
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#transaction.done();
    this.#onClose();
  }

  #check(): void {
    if (!this.#open) throw new BackendError("CLOSED", "the view is closed");
    this.#health.check();
  }

  /** The next stored records; few enough that reading them in one go is short. */
  #page(bucket: Bucket, range: ScanRange, after: Buffer | undefined): StoredPair[] {
    this.#check();
    const { start, end } = range;
    const from = after ?? (start === undefined ? undefined : headOf(start));
    const to = end === undefined ? undefined : isLongKey(end) ? aboveHead(end) : storedKey(end);
    if (to?.length === 0 || (from && to && compareBytes(from, to) >= 0)) return [];
    const page: StoredPair[] = [];
    let bytes = 0;
    try {
      const records = this.environment.tables[bucket].getRange({
        ...(from === undefined || from.length === 0 ? {} : { start: from }),
        ...(to === undefined ? {} : { end: to }),
        exclusiveStart: after !== undefined,
        limit: SCAN_BATCH_RECORDS_MAX,
        transaction: this.#transaction,
      });
      for (const { key, value } of records) {
        page.push({ key, value });
        bytes += value.length;
        if (bytes >= PAGE_BYTES_MAX) break;
      }
    } catch (error) {
      throw toBackendError(error, this.environment.file);
    }
    return page;
  }

  #unpack(bucket: Bucket, { key, value: stored }: StoredPair): FullPair {
    const { file } = this.environment;
    if (key.length <= HEAD_BYTES) return { key, value: unseal({ bucket, key, stored, file }) };
    // The checksum covers the full key, which stands in the value; so take that apart first.
    const pair = splitLong(stored);
    const full = pair?.key ?? key;
    const value = unseal({ bucket, key: full, stored, file });
    return splitLong(value) ?? { key: full, value };
  }
}

const PAGE_BYTES_MAX = 1 << 20;

function sameGroup(left: FullPair, right: FullPair): boolean {
  return isLongKey(right.key) && compareBytes(headOf(left.key), headOf(right.key)) === 0;
}

function inRange(key: Uint8Array, { start, end }: ScanRange): boolean {
  if (start !== undefined && compareBytes(key, start) < 0) return false;
  return end === undefined || compareBytes(key, end) < 0;
}

function* drain(
  group: FullPair[],
  range: ScanRange,
  builder: ScanBatchBuilder,
): Generator<ScanBatch> {
  group.sort((left, right) => compareBytes(left.key, right.key));
  for (const { key, value } of group) {
    if (inRange(key, range)) builder.add(key, value);
    if (builder.full) yield builder.take();
  }
}
