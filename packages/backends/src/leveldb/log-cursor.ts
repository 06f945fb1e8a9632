import { BackendError } from "../port.js";
import { logRecords } from "./log-format.js";
import type { RecordCursor } from "./record-cursor.js";
import { readVarint } from "./varint.js";

/** A change of one record that stands in a log. */
export interface LoggedVersion {
  readonly key: Buffer;
  readonly sequence: number;
  /** Undefined where the key was deleted. */
  readonly value: Buffer | undefined;
}

/** The records of live logs: what LevelDB has in memory and in no table yet. */
export class LogCursor implements RecordCursor {
  key: Buffer = NONE;
  keyLength = 0;
  isPut = false;
  values: Buffer = NONE;
  valueStart = 0;
  valueEnd = 0;
  readonly #versions: readonly LoggedVersion[];
  #next = 0;

  /** @param versions as `readLogs` returns them */
  constructor(versions: readonly LoggedVersion[]) {
    this.#versions = versions;
  }

  advance(): boolean {
    const version = this.#versions[this.#next++];
    if (version === undefined) return false;
    const { key, value } = version;
    this.key = key;
    this.keyLength = key.length;
    this.isPut = value !== undefined;
    this.values = value ?? NONE;
    this.valueEnd = this.values.length;
    return true;
  }

  /** `readLogs` has checked all of it. */
  check(): void {}
}

/**
 * All changes in logs by key, the newest of a key first.
 * @param logs the whole contents
 * @throws BackendError "CORRUPT" when a log does not end with a whole record
 */
export function readLogs(
  logs: readonly { readonly file: string; readonly bytes: Buffer }[],
): LoggedVersion[] {
  const versions: LoggedVersion[] = [];
  for (const { file, bytes } of logs) {
    const batches = logRecords(bytes);
    let next = batches.next();
    for (; !next.done; next = batches.next()) readBatch(next.value, versions);
    if (next.value) continue;
    throw new BackendError(
      "CORRUPT",
      `${file}: the log is damaged; restore this member from a snapshot or from its peers`,
    );
  }
  return versions.sort((a, b) => a.key.compare(b.key) || b.sequence - a.sequence);
}

/**
 *     batch = first sequence number (8, LE) | count (4, LE) | changes
 *     change = 1, key, value | 0, key: each with its length (varint) before it
 *
 * Source: LevelDB, db/write_batch.cc.
 */
function readBatch(batch: Buffer, versions: LoggedVersion[]): void {
  let sequence = Number(batch.readBigUInt64LE(0));
  let at = 12;
  const bytes = (): Buffer => {
    const { value, next } = readVarint(batch, at);
    at = next + value;
    return batch.subarray(next, at);
  };
  for (; at < batch.length; sequence++) {
    const isPut = batch[at++] === 1;
    const key = bytes();
    versions.push({ key, sequence, value: isPut ? bytes() : undefined });
  }
}

const NONE: Buffer = Buffer.alloc(0);
