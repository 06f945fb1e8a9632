import { join } from "node:path";
import { WireError } from "@kvorum/api";
import { type FileSystem, messageOf } from "@kvorum/base";
import { crc32c } from "../crc32c.js";
import { SECTOR_BYTES } from "../limits.js";
import { fromSystemError, StorageError } from "../storage-error.js";
import { FrameReader } from "./frame-reader.js";
import { decodeRecord, RecordType, type WalRecord } from "./records.js";
import type { SegmentName } from "./segment-name.js";

/** How the last segment breaks off within a write that power loss cut short. */
export interface TornTail {
  readonly path: string;
  /** The end of the last good record. */
  readonly offsetBytes: number;
  readonly reason: string;
}

export interface ScanEnd {
  /** The checksum that the next record continues. */
  readonly crc: number;
  /** Where the data of the last segment end. */
  readonly offsetBytes: number;
  readonly torn: TornTail | undefined;
}

export interface ScanOptions {
  readonly fs: FileSystem;
  readonly directory: string;
  /** In order and without a gap. */
  readonly segments: readonly SegmentName[];
  /** Gets every record but crc records; its data are a view that may be kept. May throw WireError. */
  readonly onRecord: (record: WalRecord) => void;
}

/**
 * Reads segments from start to end and checks frames and the checksum chain.
 * @throws StorageError "CORRUPT" for damage that is no torn tail, "IO"
 */
export async function scanSegments(options: ScanOptions): Promise<ScanEnd> {
  const { fs, directory, segments, onRecord } = options;
  let end: ScanEnd = { crc: 0, offsetBytes: 0, torn: undefined };
  for (const [i, segment] of segments.entries()) {
    const path = join(directory, segment.name);
    try {
      const reader = await FrameReader.open(fs, path);
      const scan = new SegmentScan(reader, end.crc, i === segments.length - 1, onRecord);
      try {
        end = await scan.run();
      } finally {
        await reader.close();
      }
    } catch (cause) {
      throw fromSystemError(cause, "read", path);
    }
  }
  return end;
}

class SegmentScan {
  readonly #reader: FrameReader;
  readonly #isLast: boolean;
  readonly #onRecord: (record: WalRecord) => void;
  #crc: number;

  constructor(
    reader: FrameReader,
    crc: number,
    isLast: boolean,
    onRecord: (record: WalRecord) => void,
  ) {
    this.#reader = reader;
    this.#crc = crc;
    this.#isLast = isLast;
    this.#onRecord = onRecord;
  }

  async run(): Promise<ScanEnd> {
    for (;;) {
      const status = this.#reader.peek();
      if (status === "refill") await this.#reader.refill();
      else if (status === "end") return this.#end(undefined);
      else if (status === "short") {
        const reason = `the file ends at ${this.#reader.sizeBytes}, within a record`;
        if (this.#isLast) return this.#end(reason);
        throw this.#corrupt(`${reason}, and it is not the last segment`);
      } else {
        const torn = this.#take();
        if (torn !== undefined) return this.#end(torn);
        this.#reader.advance();
      }
    }
  }

  /** @returns why the frame is torn, or undefined when it is good */
  #take(): string | undefined {
    const reader = this.#reader;
    let record: WalRecord;
    try {
      record = decodeRecord(reader.bytes, reader.recordStart, reader.recordEnd);
    } catch (cause) {
      return this.#tornOrCorrupt(`a record that can't be decoded (${messageOf(cause)})`, cause);
    }
    if (record.type === RecordType.Crc) {
      // Reading may start at any segment: its crc record then gives the value to continue.
      if (this.#crc !== 0 && record.crc !== this.#crc) {
        throw this.#corrupt(
          `a crc record of ${hex(record.crc)} where the segment before ends with ` +
            `${hex(this.#crc)}: a segment is damaged, replaced or missing`,
        );
      }
      this.#crc = record.crc;
      return undefined;
    }
    const crc = crc32c(record.data, this.#crc);
    if (crc !== record.crc) {
      return this.#tornOrCorrupt(`checksum ${hex(record.crc)} where ${hex(crc)} was expected`);
    }
    this.#crc = crc;
    try {
      this.#onRecord(record);
    } catch (cause) {
      if (cause instanceof StorageError) throw this.#place(cause);
      if (!(cause instanceof WireError)) throw cause;
      throw this.#corrupt(`a record of type ${record.type} with bad content`, cause);
    }
    return undefined;
  }

  #tornOrCorrupt(what: string, cause?: unknown): string {
    if (this.#isLast && this.#hasZeroSector()) return `${what}, with a sector that was not written`;
    throw this.#corrupt(what, cause);
  }

  /** Power loss leaves whole sectors unwritten, and the log is written over zeros. */
  #hasZeroSector(): boolean {
    const { bytes, recordStart, paddedEnd, position } = this.#reader;
    const fileOffsetOfBytes = position + 8 - recordStart;
    for (let start = recordStart; start < paddedEnd; ) {
      const inSector = (fileOffsetOfBytes + start) % SECTOR_BYTES;
      const end = Math.min(paddedEnd, start + SECTOR_BYTES - inSector);
      let at = start;
      while (at < end && bytes[at] === 0) at++;
      if (at === end) return true;
      start = end;
    }
    return false;
  }

  #end(tornReason: string | undefined): ScanEnd {
    const { path, position } = this.#reader;
    const torn =
      tornReason === undefined ? undefined : { path, offsetBytes: position, reason: tornReason };
    return { crc: this.#crc, offsetBytes: position, torn };
  }

  #corrupt(what: string, cause?: unknown): StorageError {
    const { path, position } = this.#reader;
    const advice =
      "the log is damaged in a place that power loss does not explain; " +
      "remove this member and add it again, or restore it from a snapshot";
    const message = `${path} at offset ${position}: ${what}; ${advice}`;
    return new StorageError("CORRUPT", message, { path, offsetBytes: position, cause });
  }

  #place(error: StorageError): StorageError {
    const { path, position } = this.#reader;
    const message = `${path} at offset ${position}: ${error.message}`;
    return new StorageError(error.code, message, { path, offsetBytes: position, cause: error });
  }
}

function hex(crc: number): string {
  return `0x${crc.toString(16).padStart(8, "0")}`;
}
