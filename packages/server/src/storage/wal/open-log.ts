import { dirname, join } from "node:path";
import type { Clock, File, FileSystem, LogIndex } from "@kvorum/base";
import type { Entry, HardState } from "@kvorum/raft";
import { SEGMENT_BYTES, ZERO_AT_START_BYTES } from "../limits.js";
import { fromSystemError, StorageError } from "../storage-error.js";
import { collectWal, hasWal, type WalContent, type WalStart } from "./read-wal.js";
import { RecordEncoder } from "./record-encoder.js";
import {
  EMPTY_HARD_STATE,
  encodeMetadata,
  encodeWalSnapshot,
  isEmptyHardState,
  RecordType,
  type WalMetadata,
} from "./records.js";
import { type Repair, repairTornTail } from "./repair.js";
import { createSegmentFile, fillWithZeros } from "./segment-file.js";
import { type SegmentName, segmentName } from "./segment-name.js";

export interface WalOptions {
  readonly fs: FileSystem;
  readonly directory: string;
  /** False gives up durability for speed (etcd's --unsafe-no-fsync). True when absent. */
  readonly isDurable?: boolean;
  /** For tests; `SEGMENT_BYTES` when absent. */
  readonly segmentBytes?: number;
  /** Told after every durable write how long it took and how long it was, for the metrics. */
  readonly onWritten?: (durationMs: number, bytes: number) => void;
  /** Needed when `onWritten` is given, and for the rests between the steps of a removal. */
  readonly clock?: Clock;
}

export interface CreateWalOptions extends WalOptions {
  readonly metadata: WalMetadata;
  /**
   * Entries from 1 on and the state that the log begins with, in the same step as its creation: a
   * start that finds a log finds these too. None when absent.
   */
  readonly initial?: { readonly hardState: HardState; readonly entries: readonly Entry[] };
}

export interface OpenWalOptions extends WalOptions {
  readonly snapshot: WalStart;
}

/** Where appending goes on. */
export interface LogEnd {
  readonly metadataBytes: Uint8Array;
  readonly segments: readonly SegmentName[];
  readonly tail: File;
  readonly position: number;
  readonly crc: number;
  readonly lastIndex: LogIndex;
  readonly hardState: HardState;
}

/**
 * Makes the first segment in "<directory>.tmp" and renames that into place, so that a log is there
 * whole or not at all.
 */
export async function createLog(options: CreateWalOptions): Promise<LogEnd> {
  const { fs, directory } = options;
  try {
    await requireNoLog(fs, directory);
    return await createInPlace(options);
  } catch (cause) {
    throw fromSystemError(cause, "create the log in", directory);
  }
}

async function requireNoLog(fs: FileSystem, directory: string): Promise<void> {
  if (await hasWal(fs, directory)) {
    throw new StorageError("EXISTS", `${directory} already holds a log`, { path: directory });
  }
  if ((await fs.stat(directory)) === undefined) return;
  const strangers = (await fs.list(directory)).filter((name) => !/\.(tmp|broken)$/.test(name));
  if (strangers.length === 0) return;
  const message =
    `${directory} should become the directory of the log, but holds ${strangers[0]}: ` +
    "name another directory or move its files away";
  throw new StorageError("EXISTS", message, { path: directory });
}

async function createInPlace(options: CreateWalOptions): Promise<LogEnd> {
  const { fs, directory, segmentBytes = SEGMENT_BYTES, isDurable = true } = options;
  const temporary = `${directory}.tmp`;
  if ((await fs.stat(temporary)) !== undefined) await fs.remove(temporary, { recursive: true });
  await fs.makeDirectory(temporary);
  const first = segmentName(0, 0);
  const path = join(temporary, first.name);
  const zeroBytes = ZERO_AT_START_BYTES;
  const tail = await createSegmentFile({ fs, path, segmentBytes, zeroBytes, isDurable });
  try {
    const metadataBytes = encodeMetadata(options.metadata);
    const encoder = new RecordEncoder(0, Buffer.alloc(256));
    encoder.crcRecord();
    encoder.record(RecordType.Metadata, metadataBytes);
    encoder.record(RecordType.Snapshot, encodeWalSnapshot({ index: 0, term: 0 }));
    const { entries, hardState } = options.initial ?? { entries: [], hardState: EMPTY_HARD_STATE };
    encoder.reserve(entries);
    for (const entry of entries) encoder.entry(entry);
    if (!isEmptyHardState(hardState)) encoder.state(hardState);
    await tail.write(encoder.buffer.subarray(0, encoder.length), 0);
    await fs.syncDirectory(temporary);
    if ((await fs.stat(directory)) !== undefined) await fs.remove(directory, { recursive: true });
    await fs.rename(temporary, directory);
    await fs.syncDirectory(dirname(directory));
    return {
      metadataBytes,
      segments: [first],
      tail,
      hardState,
      lastIndex: entries.at(-1)?.index ?? 0,
      position: encoder.length,
      crc: encoder.crc,
    };
  } catch (error) {
    await tail.close();
    throw error;
  }
}

export interface OpenedLog {
  readonly content: WalContent;
  readonly end: LogEnd;
  readonly repair: Repair | undefined;
}

/** Reads the log, repairs a torn tail once, and makes the last segment ready for appending. */
export async function openLog(options: OpenWalOptions): Promise<OpenedLog> {
  const { fs, directory } = options;
  let repair: Repair | undefined;
  let collected = await collectWal(options);
  if (collected.end.torn !== undefined) {
    repair = await repairTornTail(fs, collected.end.torn);
    collected = await collectWal(options);
    const { torn } = collected.end;
    if (torn !== undefined) {
      const message = `${torn.path} at offset ${torn.offsetBytes}: still torn after its repair`;
      throw new StorageError("CORRUPT", message, torn);
    }
  }
  const { content, end, segments, lastIndex } = collected;
  try {
    await removeLeftovers(fs, directory);
    const tail = await openTail(options, segments.at(-1)!, end.offsetBytes);
    return {
      content,
      repair,
      end: {
        segments,
        tail,
        lastIndex,
        position: end.offsetBytes,
        crc: end.crc,
        metadataBytes: encodeMetadata(content.metadata),
        hardState: content.hardState,
      },
    };
  } catch (cause) {
    throw fromSystemError(cause, "open the log in", directory);
  }
}

/** Segments that were being prepared when the process ended. */
async function removeLeftovers(fs: FileSystem, directory: string): Promise<void> {
  for (const name of await fs.list(directory)) {
    if (/^[01]\.tmp$/.test(name)) await fs.remove(join(directory, name));
  }
}

/**
 * All behind the last good record becomes zero: parts of a torn batch may stand there, beyond a
 * length of zero, and new records written over some of them would run into the others.
 */
async function openTail(
  options: WalOptions,
  segment: SegmentName,
  endOffset: number,
): Promise<File> {
  const { fs, directory, segmentBytes = SEGMENT_BYTES, isDurable = true } = options;
  const path = join(directory, segment.name);
  const file = await fs.open(path, isDurable ? "read-write-durable" : "read-write");
  try {
    await file.truncate(endOffset);
    if (endOffset < segmentBytes) {
      await file.truncate(segmentBytes);
      const zeroEnd = Math.min(segmentBytes, endOffset + ZERO_AT_START_BYTES);
      await fillWithZeros(file, endOffset, zeroEnd);
    }
    if (isDurable) await file.sync();
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}
