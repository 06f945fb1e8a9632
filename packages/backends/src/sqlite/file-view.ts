import { asBuffer } from "@kvorum/base";
import { toBackendError } from "../common/backend-errors.js";
import type { BatchMemory } from "../common/batch-memory.js";
import { CheckedBuilder } from "../common/checked-builder.js";
import { damagedPage } from "../common/damaged-page.js";
import { CHECKSUM_BYTES, damagedRecord } from "../common/record-checksum.js";
import type { ServedView } from "../common/serve-scans.js";
import type { Bucket, PackedRecords, ScanRange } from "../port.js";
import { type Connection, openConnection } from "./connection.js";
import { PageFile } from "./page-file.js";
import { type Asker, beginSnapshot } from "./snapshot.js";
import { leavesBytes, TreeScan } from "./tree-scan.js";
import { WalFrames } from "./wal-frames.js";

export interface FileViewOptions {
  readonly file: string;
  /** Of the file, open for reading until all connections to it are closed. */
  readonly descriptor: number;
  /** A connection without a transaction. */
  readonly asker: Asker;
}

/**
 * A view in the scanning thread: a read transaction keeps the pages as they are, and its scans read
 * them from the file and the journal themselves.
 */
export class FileView implements ServedView {
  readonly #file: string;
  readonly #connection: Connection;
  readonly #frames: WalFrames;
  readonly #pages: PageFile;
  readonly #roots: ReadonlyMap<string, number>;

  constructor({ file, descriptor, asker }: FileViewOptions) {
    this.#file = file;
    this.#connection = openConnection(file);
    let frames: WalFrames | undefined;
    try {
      frames = new WalFrames(`${file}-wal`);
      const snapshot = beginSnapshot(this.#connection, asker, frames);
      const { header, frameCount, pageBytes, pageCount } = snapshot;
      frames.find(header, frameCount, pageBytes);
      this.#frames = frames;
      this.#roots = snapshot.roots;
      this.#pages = new PageFile({ path: file, descriptor, pageBytes, pageCount, frames });
    } catch (error) {
      frames?.close();
      this.#connection.close();
      throw toBackendError(error, file);
    }
  }

  *scan(bucket: Bucket, range: ScanRange, memory: BatchMemory): Generator<PackedRecords, void> {
    const file = this.#file;
    const root = this.#roots.get(bucket);
    if (root === undefined) throw damagedPage(file, 1, `no table "${bucket}"`);
    const windowBytes = leavesBytes(this.#pages.pageBytes);
    const collector = new Collector({ file, bucket, memory, windowBytes });
    const { start, end } = range;
    const tree = new TreeScan(this.#pages, root, {
      range: { start: start && asBuffer(start), end: end && asBuffer(end) },
      visitor: collector,
    });
    while (tree.step()) {
      for (const batch of collector.takeFull()) yield batch;
    }
    collector.finish();
    yield* collector.takeFull();
  }

  close(): void {
    this.#frames.close();
    this.#connection.close();
  }
}

/** Packs records into batches that are checked against the checksums of the records. */
class Collector {
  readonly #file: string;
  readonly #bucket: Bucket;
  readonly #builder: CheckedBuilder;
  #full: PackedRecords[] = [];

  constructor(options: {
    readonly file: string;
    readonly bucket: Bucket;
    readonly memory: BatchMemory;
    readonly windowBytes: number;
  }) {
    this.#file = options.file;
    this.#bucket = options.bucket;
    this.#builder = new CheckedBuilder({ ...options, inOrder: true });
  }

  get window(): Buffer {
    return this.#builder.window;
  }

  record(bytes: Buffer, keyStart: number, valueStart: number, storedEnd: number): void {
    const valueEnd = storedEnd - CHECKSUM_BYTES;
    if (valueEnd < valueStart) {
      throw damagedRecord(this.#file, this.#bucket, bytes.subarray(keyStart, valueStart));
    }
    this.#builder.addJoined(bytes, keyStart, valueStart, valueEnd);
    if (this.#builder.full) this.finish();
  }

  /** The batches that are full. */
  takeFull(): readonly PackedRecords[] {
    if (this.#full.length === 0) return NONE;
    const full = this.#full;
    this.#full = [];
    return full;
  }

  /** Ends the batch. */
  finish(): void {
    if (!this.#builder.empty) this.#full.push(this.#builder.take());
  }
}

const NONE: readonly PackedRecords[] = [];
