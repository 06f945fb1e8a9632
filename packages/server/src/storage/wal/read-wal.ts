import { WireReader } from "@kvorum/api";
import type { FileSystem, LogIndex, Term } from "@kvorum/base";
import type { Entry, HardState } from "@kvorum/raft";
import { decodeEntry } from "../../consensus/decode-entry.js";
import { fromSystemError, StorageError } from "../storage-error.js";
import {
  decodeHardState,
  decodeMetadata,
  decodeWalSnapshot,
  EMPTY_HARD_STATE,
  RecordType,
  type WalMetadata,
  type WalRecord,
  type WalSnapshot,
} from "./records.js";
import { type ScanEnd, scanSegments } from "./scan.js";
import { type SegmentName, segmentsAmong } from "./segment-name.js";

/** Where reading starts: a snapshot that was saved, or index 0 and term 0 for the whole log. */
export interface WalStart {
  readonly index: LogIndex;
  readonly term: Term;
}

export interface WalContent {
  readonly metadata: WalMetadata;
  /** The last one; all zero when none was ever written. */
  readonly hardState: HardState;
  /** Those after the start, without a gap; entries that a later leader replaced are gone. */
  readonly entries: Entry[];
  /** The snapshot records of the segments read whose index is committed, oldest first. */
  readonly snapshots: readonly WalSnapshot[];
}

export interface ReadWalOptions {
  readonly fs: FileSystem;
  readonly directory: string;
  readonly snapshot: WalStart;
}

/**
 * Reads a log without changing it, for tools; a torn tail is left out. The process that writes the
 * log may run meanwhile.
 * @throws StorageError "NOT_FOUND" when the log doesn't know the snapshot, and what `collectWal` throws
 */
export async function readWal(options: ReadWalOptions): Promise<WalContent> {
  const { content, knowsSnapshot } = await collectWal(options);
  if (!knowsSnapshot) {
    const { index, term } = options.snapshot;
    const message = `wal: snapshot not found: ${options.directory} has no record of a snapshot`;
    throw new StorageError("NOT_FOUND", `${message} at index ${index}, term ${term}`);
  }
  return content;
}

/**
 * The snapshot records whose index is committed, oldest first: those that a start may begin from.
 * Segments are read from the newest back, until the newest record at or below `index` is among
 * them, so that what only waits for its removal costs a start nothing. Without `index` the whole
 * log is read. A torn tail is left out.
 */
export async function readValidSnapshots(
  fs: FileSystem,
  directory: string,
  index: LogIndex = 0,
): Promise<readonly WalSnapshot[]> {
  const segments = await listSegments(fs, directory);
  // Every segment repeats the commit index at its head, so the newest ones know it.
  for (let count = index === 0 ? segments.length : 1; ; count *= 2) {
    const valid = await validSnapshotsIn(fs, directory, segments.slice(-count));
    if (count >= segments.length || valid.some((snapshot) => snapshot.index <= index)) {
      return valid;
    }
  }
}

async function validSnapshotsIn(
  fs: FileSystem,
  directory: string,
  segments: readonly SegmentName[],
): Promise<readonly WalSnapshot[]> {
  let hardState = EMPTY_HARD_STATE;
  const snapshots: WalSnapshot[] = [];
  await scanSegments({
    fs,
    directory,
    segments,
    onRecord: ({ type, data }) => {
      if (type === RecordType.State) hardState = decodeHardState(data);
      else if (type === RecordType.Snapshot) snapshots.push(decodeWalSnapshot(data));
    },
  });
  return snapshots.filter((snapshot) => snapshot.index <= hardState.commit);
}

/** True when `directory` holds a log. */
export async function hasWal(fs: FileSystem, directory: string): Promise<boolean> {
  return (await namesIn(fs, directory)).some((name) => name.endsWith(".wal"));
}

/** Nothing when there is no such directory. */
async function namesIn(fs: FileSystem, directory: string): Promise<string[]> {
  try {
    return (await fs.stat(directory))?.isDirectory ? await fs.list(directory) : [];
  } catch (cause) {
    throw fromSystemError(cause, "list", directory);
  }
}

export interface CollectedWal {
  readonly content: WalContent;
  readonly end: ScanEnd;
  /** The segments read, the one to append to last. */
  readonly segments: readonly SegmentName[];
  /** The index that a segment cut next is named after, less one. */
  readonly lastIndex: LogIndex;
  readonly knowsSnapshot: boolean;
}

/** @throws StorageError "CORRUPT" | "NOT_FOUND" | "SNAPSHOT_MISMATCH" | "IO" */
export async function collectWal(options: ReadWalOptions): Promise<CollectedWal> {
  const { fs, directory, snapshot } = options;
  const segments = segmentsFrom(await listSegments(fs, directory), snapshot.index, directory);
  const collector = new Collector(snapshot);
  const end = await scanSegments({
    fs,
    directory,
    segments,
    onRecord: (record) => collector.add(record),
  });
  return {
    content: collector.finish(directory),
    end,
    segments,
    lastIndex: collector.lastIndex,
    knowsSnapshot: collector.knowsSnapshot,
  };
}

async function listSegments(fs: FileSystem, directory: string): Promise<SegmentName[]> {
  const segments = segmentsAmong(await namesIn(fs, directory));
  if (segments.length === 0) {
    throw new StorageError("NOT_FOUND", `wal: file not found: no segment in ${directory}`);
  }
  return segments;
}

/** From the last segment that can hold the entry after the snapshot. */
function segmentsFrom(
  segments: readonly SegmentName[],
  index: LogIndex,
  directory: string,
): SegmentName[] {
  const first = segments.findLastIndex((segment) => segment.index <= index);
  if (first >= 0) return withoutGap(segments.slice(first), directory);
  const message = `wal: file not found which matches the snapshot index '${index}'`;
  const advice = `the first segment of ${directory} is ${segments[0]!.name}`;
  throw new StorageError("NOT_FOUND", `${message}: ${advice}`, { path: directory });
}

function withoutGap(segments: SegmentName[], directory: string): SegmentName[] {
  for (const [i, segment] of segments.entries()) {
    const previous = segments[i - 1];
    if (previous === undefined || previous.sequence + 1 === segment.sequence) continue;
    const message =
      `wal: file sequence numbers do not increase continuously in ${directory}: ` +
      `${segment.name} follows ${previous.name}; put the missing segments back`;
    throw new StorageError("CORRUPT", message, { path: directory });
  }
  return segments;
}

class Collector {
  readonly #start: WalStart;
  readonly #entries: Entry[] = [];
  readonly #snapshots: WalSnapshot[] = [];
  #metadata: WalMetadata | undefined;
  #metadataBytes: Uint8Array | undefined;
  #hardState = EMPTY_HARD_STATE;
  #lastEntryIndex = 0;
  /** Of the entry that the log has, or whose place a snapshot took, at the start's index. */
  #termAtStart: Term | undefined;
  #newestSnapshotIndex: number;
  knowsSnapshot = false;

  constructor(start: WalStart) {
    this.#start = start;
    this.#newestSnapshotIndex = start.index;
  }

  get lastIndex(): LogIndex {
    return Math.max(this.#lastEntryIndex, this.#newestSnapshotIndex);
  }

  add({ type, data }: WalRecord): void {
    if (type === RecordType.Entry) this.#addEntry(decodeEntry(new WireReader(data)));
    else if (type === RecordType.State) this.#hardState = decodeHardState(data);
    else if (type === RecordType.Metadata) this.#addMetadata(data);
    else if (type === RecordType.Snapshot) this.#addSnapshot(decodeWalSnapshot(data));
    else
      throw new StorageError(
        "CORRUPT",
        `unexpected block type ${type}: written by a newer version?`,
      );
  }

  finish(directory: string): WalContent {
    const { commit } = this.#hardState;
    if (this.#metadata === undefined) {
      const message = `${directory} has no metadata record, which opens every segment`;
      throw new StorageError("CORRUPT", message, { path: directory });
    }
    return {
      metadata: this.#metadata,
      hardState: this.#hardState,
      entries: this.#entries,
      snapshots: this.#snapshots.filter((snapshot) => snapshot.index <= commit),
    };
  }

  #addEntry(entry: Entry): void {
    this.#lastEntryIndex = entry.index;
    if (entry.index <= this.#start.index) {
      this.#termAtStart = entry.index === this.#start.index ? entry.term : undefined;
      this.#entries.length = 0;
      return;
    }
    const position = entry.index - this.#start.index - 1;
    const entries = this.#entries;
    if (position > entries.length) {
      const { index, term } = this.#start;
      throw new StorageError(
        "CORRUPT",
        `wal: slice bounds out of range, snapshot[Index: ${index}, Term: ${term}], ` +
          `current entry[Index: ${entry.index}, Term: ${entry.term}], len(ents): ${entries.length}: ` +
          "entries are missing before it",
      );
    }
    // A new leader's entry replaces the one of the same index and all that followed it.
    if (position < entries.length) entries.length = position;
    entries.push(entry);
  }

  #addMetadata(data: Uint8Array): void {
    if (this.#metadataBytes !== undefined && Buffer.compare(this.#metadataBytes, data) !== 0) {
      const message = "wal: conflicting metadata found: the segment is another member's";
      throw new StorageError("CORRUPT", message);
    }
    this.#metadataBytes = data;
    this.#metadata = decodeMetadata(data);
  }

  #addSnapshot(snapshot: WalSnapshot): void {
    const { index, term } = this.#start;
    if (snapshot.index === index) {
      if (snapshot.term !== term) {
        throw new StorageError(
          "SNAPSHOT_MISMATCH",
          `wal: snapshot mismatch: index ${index} has term ${snapshot.term} here, ` +
            `term ${term} was asked for`,
        );
      }
      this.knowsSnapshot = true;
      // A snapshot of the leader took the place of the whole log. What stood behind its index was
      // never committed; kept, it would pass for newer than the snapshot when votes are asked for.
      if (this.#termAtStart !== term) this.#entries.length = 0;
      this.#termAtStart = term;
    }
    this.#newestSnapshotIndex = Math.max(this.#newestSnapshotIndex, snapshot.index);
    this.#snapshots.push(snapshot);
  }
}
