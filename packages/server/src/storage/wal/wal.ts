import { join } from "node:path";
import { assert, type File, type LogIndex, violated } from "@kvorum/base";
import type { Entry, HardState } from "@kvorum/raft";
import {
  BATCH_BUFFER_KEPT_BYTES,
  BATCH_BUFFER_START_BYTES,
  PREPARE_NEXT_AT_FILL,
  SEGMENT_BYTES,
} from "../limits.js";
import { purgeOldest } from "../purge.js";
import { fromSystemError, StorageError } from "../storage-error.js";
import {
  type CreateWalOptions,
  createLog,
  type LogEnd,
  type OpenWalOptions,
  openLog,
  type WalOptions,
} from "./open-log.js";
import type { WalContent } from "./read-wal.js";
import { RecordEncoder } from "./record-encoder.js";
import { encodeWalSnapshot, isEmptyHardState, RecordType, type WalSnapshot } from "./records.js";
import type { Repair } from "./repair.js";
import { parseSegmentName, type SegmentName, segmentName } from "./segment-name.js";
import { SegmentPipeline } from "./segment-pipeline.js";

export interface OpenedWal extends WalContent {
  /** Ready for appending. */
  readonly wal: Wal;
  /** The torn tail that was cut off, if there was one: worth a line in the log. */
  readonly repair: Repair | undefined;
}

/** Records that one positioned write puts on the disk, and the promise of those who wait for it. */
interface Batch {
  buffer: Buffer;
  length: number;
  readonly position: number;
  /** Set when the batch opens a new segment; it starts with that segment's head then. */
  readonly opens: SegmentName | undefined;
  readonly settled: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: StorageError) => void;
}

/**
 * The log of a member, in etcd's format. Appends are encoded at the call, in call order, into the
 * batch that is open; one write is under way at a time, and when it ends the open batch follows as
 * the next write. So a lone append is one durable write, and appends that come during a write share
 * the next one (group commit).
 *
 *     append -> open batch --(disk idle)--> write under way --> settled
 *                   ^ segment full: sealed; the next batch opens a new segment with its head
 *
 * Invariants: bytes reach a file in the order of the checksum chain; an append is acknowledged only
 * when it and all before it are durable; after a failed write nothing is written any more, because
 * what is on the disk is unknown until the log is read again.
 *
 * A hard state that only moves the commit index need not be durable (Raft learns it anew), and with
 * a durable file every write is a sync. So it is kept in memory and goes with the next batch, where
 * a newer one usually replaces it: it costs nothing. etcd keeps it in its page buffer instead.
 *
 * Rejected: a second, non-durable handle for such writes, which would cost a system call each and
 * leave the file half synced; one write per append without the shared batch, which halves the rate
 * of many small appends.
 */
export class Wal {
  readonly #options: WalOptions;
  readonly #segmentBytes: number;
  readonly #isDurable: boolean;
  readonly #metadataBytes: Uint8Array;
  readonly #encoder: RecordEncoder;
  readonly #pipeline: SegmentPipeline;
  /** Those a start may need, oldest first; the last one is (or is about to be) written. */
  #held: SegmentName[];
  #tail: File;
  /** Where the next record goes, in the segment that is being encoded for. */
  #position: number;
  #lastIndex: LogIndex;
  #hardState: HardState;
  /** True while `#hardState` is newer than what was encoded. */
  #isStateDeferred = false;
  /** Encoded and not yet written, oldest first. */
  readonly #queue: Batch[] = [];
  /** The last of the queue, while it takes more records. */
  #open: Batch | undefined;
  /** The batch under way to the disk. */
  #inFlight: Batch | undefined;
  /** Where the records that are on the disk end, in the tail. */
  #writtenEnd: number;
  #spareBuffer: Buffer | undefined;
  /** Settles when the queue is empty; undefined while the disk is idle. */
  #writing: Promise<void> | undefined;
  #failure: StorageError | undefined;
  /** Settles when no segment is being removed. */
  #purging: Promise<unknown> = DONE;
  #closing: Promise<void> | undefined;

  private constructor(options: WalOptions, end: LogEnd) {
    const { fs, directory, segmentBytes = SEGMENT_BYTES, isDurable = true } = options;
    this.#options = options;
    this.#segmentBytes = segmentBytes;
    this.#isDurable = isDurable;
    this.#metadataBytes = end.metadataBytes;
    this.#encoder = new RecordEncoder(end.crc, Buffer.alloc(0));
    this.#pipeline = new SegmentPipeline({ fs, directory, segmentBytes, isDurable });
    this.#held = [...end.segments];
    this.#tail = end.tail;
    this.#position = end.position;
    this.#writtenEnd = end.position;
    this.#lastIndex = end.lastIndex;
    this.#hardState = end.hardState;
  }

  /**
   * Creates a log. Its parent directory must be there.
   * @throws StorageError "EXISTS" | "NO_SPACE" | "IO"
   */
  static async create(options: CreateWalOptions): Promise<Wal> {
    return new Wal(options, await createLog(options));
  }

  /**
   * Reads the log from a snapshot on, cuts off a torn tail, and makes it ready for appending. The
   * entries' data are views of larger pieces of memory. A snapshot that the log doesn't know is not
   * an error here; `readWal` reports it.
   * @throws StorageError "CORRUPT" | "NOT_FOUND" | "SNAPSHOT_MISMATCH" | "NO_SPACE" | "IO"
   */
  static async open(options: OpenWalOptions): Promise<OpenedWal> {
    const { content, end, repair } = await openLog(options);
    return { ...content, repair, wal: new Wal(options, end) };
  }

  /**
   * Appends `entries`, then `hardState`. Entries must follow the last one without a gap, or replace
   * some of the last ones. With `sync` the promise resolves when all is durable; without, and
   * without entries, the state is only remembered (see above). The arguments are not needed any
   * more when the call returns.
   * @throws StorageError (by rejection) "NO_SPACE" | "IO"; the log must then be opened again, and
   *   what was rejected may or may not be found in it. "CLOSED" after `close`.
   */
  append(
    hardState: HardState | undefined,
    entries: readonly Entry[],
    { sync }: { readonly sync: boolean },
  ): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (hardState !== undefined && !isEmptyHardState(hardState)) {
      this.#hardState = hardState;
      this.#isStateDeferred = true;
    }
    if (entries.length === 0 && (!sync || !this.#isStateDeferred)) {
      return sync ? ((this.#queue.at(-1) ?? this.#inFlight)?.settled ?? DONE) : DONE;
    }
    const batch = this.#openBatch();
    this.#encoder.reserve(entries);
    for (let i = 0; i < entries.length; i++) this.#encodeEntry(entries[i]!);
    this.#encodeDeferredState();
    this.#close(batch);
    return batch.settled;
  }

  /**
   * Appends a snapshot record, durable when the promise resolves; the .snap file and the engine's
   * data must be durable before. A record with an index above 0 needs its conf state.
   */
  saveSnapshot(snapshot: WalSnapshot): Promise<void> {
    assert(
      snapshot.index === 0 || snapshot.confState !== undefined,
      `a snapshot record of index ${snapshot.index} must carry a conf state`,
    );
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const batch = this.#openBatch();
    // A start trusts the record only when the commit index in the log has reached it.
    this.#encodeDeferredState();
    this.#encoder.record(RecordType.Snapshot, encodeWalSnapshot(snapshot));
    this.#lastIndex = Math.max(this.#lastIndex, snapshot.index);
    this.#close(batch);
    return batch.settled;
  }

  /**
   * Gives up the segments that a start from a snapshot at `index` doesn't need: all before the last
   * one whose first index is below `index`. `purge` may then remove them.
   */
  releaseTo(index: LogIndex): void {
    const above = this.#held.findIndex((segment) => segment.index >= index);
    const keepFrom = (above === -1 ? this.#held.length : above) - 1;
    if (keepFrom > 0) this.#held = this.#held.slice(keepFrom);
  }

  /**
   * Removes the oldest released segments as long as more than `maxWals` are there; 0 keeps all.
   * Closing the log ends it with the segment under way.
   * @returns the names removed
   */
  purge(maxWals: number): Promise<string[]> {
    const purged = this.#purging.then(() => this.#purge(maxWals));
    this.#purging = purged.catch(ignore);
    return purged;
  }

  /** Writes what was deferred, waits for all writes and closes the files; idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#closeOnce();
    return this.#closing;
  }

  async #closeOnce(): Promise<void> {
    const { directory } = this.#options;
    if (this.#failure === undefined) {
      if (this.#isStateDeferred) {
        const batch = this.#openBatch();
        this.#encodeDeferredState();
        this.#close(batch);
        // The state could also have been lost with the power: closing goes on.
        batch.settled.catch(ignore);
      }
      this.#failure = new StorageError("CLOSED", `the log in ${directory} is closed`);
    }
    await this.#writing;
    await this.#purging;
    try {
      await this.#pipeline.close();
      await this.#tail.close();
    } catch (cause) {
      throw fromSystemError(cause, "close the log in", directory);
    }
  }

  async #purge(maxWals: number): Promise<string[]> {
    const { fs, directory, clock } = this.#options;
    const isFree = (name: string) => {
      const segment = parseSegmentName(name);
      return segment !== undefined && segment.sequence < this.#held[0]!.sequence;
    };
    const isHurried = () => this.#closing !== undefined;
    const files = { fs, directory, suffix: ".wal", keep: maxWals };
    try {
      return await purgeOldest({ ...files, isFree, clock, isHurried });
    } catch (cause) {
      throw fromSystemError(cause, "purge segments in", directory);
    }
  }

  #encodeEntry(entry: Entry): void {
    if (entry.index > this.#lastIndex + 1) {
      violated(`entry ${entry.index} would leave a gap in the log after ${this.#lastIndex}`);
    }
    this.#encoder.entry(entry);
    this.#lastIndex = entry.index;
  }

  #encodeDeferredState(): void {
    if (!this.#isStateDeferred) return;
    this.#encoder.state(this.#hardState);
    this.#isStateDeferred = false;
  }

  /** The batch that takes records now. */
  #openBatch(opens?: SegmentName): Batch {
    if (this.#open !== undefined) return this.#open;
    const buffer = this.#spareBuffer ?? Buffer.allocUnsafeSlow(BATCH_BUFFER_START_BYTES);
    this.#spareBuffer = undefined;
    this.#encoder.startBatch(buffer);
    let resolve = ignore;
    let reject: (error: StorageError) => void = ignore;
    const settled = new Promise<void>((onResolve, onReject) => {
      resolve = onResolve;
      reject = onReject;
    });
    const position = this.#position;
    const batch = { buffer, length: 0, position, opens, settled, resolve, reject };
    this.#open = batch;
    this.#queue.push(batch);
    return batch;
  }

  /** Ends an append: seals the batch when the segment is full, and starts writing when idle. */
  #close(batch: Batch): void {
    batch.buffer = this.#encoder.buffer;
    batch.length = this.#encoder.length;
    this.#position = batch.position + batch.length;
    if (this.#position >= this.#segmentBytes) this.#startSegment();
    else if (this.#position >= this.#segmentBytes * PREPARE_NEXT_AT_FILL) this.#pipeline.prepare();
    this.#writing ??= this.#write();
  }

  /**
   * The checksums of a segment's head take part in the chain, so the head is encoded as soon as the
   * segment before is full, ahead of any later append.
   */
  #startSegment(): void {
    const name = segmentName(this.#held.at(-1)!.sequence + 1, this.#lastIndex + 1);
    this.#held.push(name);
    this.#open = undefined;
    this.#position = 0;
    const batch = this.#openBatch(name);
    this.#encoder.crcRecord();
    this.#encoder.record(RecordType.Metadata, this.#metadataBytes);
    if (!isEmptyHardState(this.#hardState)) this.#encoder.state(this.#hardState);
    this.#isStateDeferred = false;
    batch.buffer = this.#encoder.buffer;
    batch.length = this.#encoder.length;
    this.#position = batch.length;
    // Nobody may be waiting for this one; a failure shows at the next append.
    batch.settled.catch(ignore);
  }

  async #write(): Promise<void> {
    for (let batch = this.#queue.shift(); batch !== undefined; batch = this.#queue.shift()) {
      if (batch === this.#open) this.#open = undefined;
      this.#inFlight = batch;
      try {
        await this.#writeBatch(batch);
      } catch (cause) {
        this.#fail(fromSystemError(cause, "append to", this.#options.directory), batch);
        break;
      }
      batch.resolve();
      if (batch.buffer.length <= BATCH_BUFFER_KEPT_BYTES) this.#spareBuffer = batch.buffer;
    }
    this.#inFlight = undefined;
    this.#writing = undefined;
  }

  async #writeBatch(batch: Batch): Promise<void> {
    const { clock, onWritten } = this.#options;
    const startedMs = clock?.nowMs() ?? 0;
    const bytes = batch.buffer.subarray(0, batch.length);
    if (batch.opens === undefined) await this.#tail.write(bytes, batch.position);
    else await this.#cut(batch.opens, bytes);
    this.#writtenEnd = batch.position + batch.length;
    onWritten?.((clock?.nowMs() ?? 0) - startedMs, batch.length);
  }

  /** Goes over to a new segment, which gets its name only when its head is on the disk. */
  async #cut(opens: SegmentName, head: Uint8Array): Promise<void> {
    const { fs, directory } = this.#options;
    // The old segment is complete and durable but for its size.
    await this.#tail.truncate(this.#writtenEnd);
    if (this.#isDurable) await this.#tail.sync();
    const { file, path } = await this.#pipeline.take();
    const old = this.#tail;
    this.#tail = file;
    await old.close();
    await file.write(head, 0);
    await fs.rename(path, join(directory, opens.name));
    if (this.#isDurable) await fs.syncDirectory(directory);
  }

  #fail(error: StorageError, batch: Batch): void {
    this.#failure = error;
    this.#open = undefined;
    for (const waiting of [batch, ...this.#queue.splice(0)]) waiting.reject(error);
  }
}

const DONE = Promise.resolve();

function ignore(): void {}
