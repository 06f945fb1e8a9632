import { type Backend, BUCKETS, type Bucket, type Op, type ScanBatch } from "@kvorum/backends";
import { readBoltFile } from "@kvorum/backends/boltfile";
import type { File } from "@kvorum/base";
import { IMPORT_COMMIT_BYTES, IMPORT_COMMIT_OPS } from "./limits.js";
import type { SnapshotProgress } from "./save-snapshot.js";

export interface ImportBoltOptions {
  /** A db file of etcd, or a snapshot; open for reading and left open. */
  readonly file: File;
  /** Should hold nothing: what it has stays, unless the file has the same key. */
  readonly backend: Backend;
  /** Buckets to leave out. */
  readonly exclude?: readonly Bucket[];
  readonly onProgress?: SnapshotProgress;
}

export interface ImportReport {
  readonly records: number;
  /** Buckets of the file that etcd 3.7 doesn't have; their content was left out. */
  readonly unknownBuckets: readonly string[];
  /** Main part of the last revision in bucket "key"; 0 when it is empty. */
  readonly latestRevision: number;
}

/** Bytes that a record takes in a page beside its key and value. */
const RECORD_OVERHEAD_BYTES = 16;

/**
 * Copies a bolt file into an engine: reads on while the commit before is under way, so that memory
 * holds two commits whatever the size of the file. When it rejects, the engine holds a part of the
 * content and should be discarded.
 * @throws BackendError "FORMAT" when the file is damaged; those of `Backend.commit`
 */
export async function importBolt(options: ImportBoltOptions): Promise<ImportReport> {
  const { file, backend, exclude = [], onProgress } = options;
  const bolt = await readBoltFile(file);
  const known = BUCKETS.filter((bucket) => bolt.buckets.includes(bucket));
  const totalBytes = bolt.sizeBytes;
  const importer = new Importer(backend, (doneBytes) => {
    // Pages hold free space too: the estimate stays below the total until the end.
    onProgress?.({ doneBytes: Math.min(doneBytes, totalBytes), totalBytes });
  });
  let lastRevision: Uint8Array | undefined;
  try {
    for (const bucket of known) {
      if (exclude.includes(bucket)) continue;
      for await (const batch of bolt.scan(bucket)) {
        await importer.add(bucket, batch);
        if (bucket === "key") lastRevision = batch.keys.at(-1);
      }
    }
    await importer.finish();
  } catch (error) {
    await importer.abandon();
    throw error;
  }
  onProgress?.({ doneBytes: totalBytes, totalBytes });
  return {
    records: importer.records,
    unknownBuckets: bolt.buckets.filter((name) => !(known as readonly string[]).includes(name)),
    latestRevision: lastRevision === undefined ? 0 : mainRevision(lastRevision),
  };
}

/** Gathers operations and commits them, one commit under way at a time. */
class Importer {
  readonly #backend: Backend;
  readonly #onCommitted: (doneBytes: number) => void;
  #ops: Op[] = [];
  #opsBytes = 0;
  #doneBytes = 0;
  #committing: Promise<void> = Promise.resolve();
  records = 0;

  constructor(backend: Backend, onCommitted: (doneBytes: number) => void) {
    this.#backend = backend;
    this.#onCommitted = onCommitted;
  }

  /** Resolves when there is room for more. */
  async add(bucket: Bucket, { keys, values }: ScanBatch): Promise<void> {
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!;
      const value = values[i]!;
      this.#ops.push({ bucket, key, value });
      this.#opsBytes += key.length + value.length + RECORD_OVERHEAD_BYTES;
      this.records++;
      if (this.#ops.length >= IMPORT_COMMIT_OPS || this.#opsBytes >= IMPORT_COMMIT_BYTES) {
        await this.#commit();
      }
    }
  }

  /** Commits the rest; resolves when all is durable. */
  async finish(): Promise<void> {
    if (this.#ops.length > 0) await this.#commit();
    await this.#committing;
  }

  /** Resolves when the engine has nothing under way any more; never rejects. */
  async abandon(): Promise<void> {
    this.#ops = [];
    await this.#committing.catch(() => {});
  }

  /** Waits for the commit before, then starts the next. */
  async #commit(): Promise<void> {
    const ops = this.#ops;
    const bytes = this.#opsBytes;
    this.#ops = [];
    this.#opsBytes = 0;
    await this.#committing;
    this.#committing = this.#backend.commit(ops).then(() => {
      this.#doneBytes += bytes;
      this.#onCommitted(this.#doneBytes);
    });
    // A failure is met by the next `commit` or `finish`; until then it must not end the process.
    this.#committing.catch(() => {});
  }
}

/** A revision key starts with the main revision, 8 big-endian bytes. */
function mainRevision(key: Uint8Array): number {
  return key.length < 8 ? 0 : Number(Buffer.from(key).readBigInt64BE(0));
}
