import { readFile } from "node:fs/promises";
import { crc32c } from "@node-rs/crc32";
import { filesOf } from "../common/directory.js";
import { BackendError } from "../port.js";
import { fileNumber, type LiveFiles } from "./manifest.js";
import { unmask } from "./masked-checksum.js";

const BLOCK_BYTES = 32_768;
const HEADER_BYTES = 7;
const SECTOR_BYTES = 512;

/**
 * LevelDB replays its logs at open and silently skips what is damaged, so commits that were
 * acknowledged would be gone without a word. This looks first. Only the end may be bad, and only as
 * a write that was cut short leaves it: the file ends within a fragment, or a sector was not
 * written.
 *
 *     block of 32,768 bytes = fragments, then fewer than 7 zero bytes
 *     fragment = masked CRC-32C of type and data (4, LE) | length (2, LE) | type (1) | data
 *
 * Source: LevelDB, doc/log_format.md; the rule of the zero sector is that of etcd's WAL.
 * @throws BackendError "CORRUPT"
 */
export async function verifyLogs(directory: string, live: LiveFiles): Promise<void> {
  for (const file of await filesOf(directory, [".log"])) {
    const number = fileNumber(file);
    if (number < live.firstLog && number !== live.previousLog) continue;
    verifyLog(file, await readFile(file));
  }
}

function verifyLog(file: string, log: Buffer): void {
  let badAt: number | undefined;
  let isCutShort = false;
  for (let start = 0; start < log.length; start += BLOCK_BYTES) {
    const end = Math.min(start + BLOCK_BYTES, log.length);
    let at = start;
    while (at + HEADER_BYTES <= end && !isZero(log, at, end)) {
      const next = at + HEADER_BYTES + log.readUInt16LE(at + 4);
      const good = next <= end && isGood(log, at, next);
      if (good && badAt !== undefined) throw damaged(file, badAt);
      if (!good) {
        badAt ??= at;
        isCutShort ||= next > end ? end === log.length : hasZeroSector(log, at, next);
        // Its length can't be trusted, so the next fragment that can be found starts a block.
        if (next > end) break;
      }
      at = next;
    }
  }
  if (badAt !== undefined && !isCutShort) throw damaged(file, badAt);
}

function isGood(log: Buffer, at: number, next: number): boolean {
  return unmask(log.readUInt32LE(at)) === crc32c(log.subarray(at + 6, next));
}

function hasZeroSector(log: Buffer, from: number, to: number): boolean {
  for (let start = from; start < to; ) {
    const end = Math.min(to, start - (start % SECTOR_BYTES) + SECTOR_BYTES);
    if (isZero(log, start, end)) return true;
    start = end;
  }
  return false;
}

function isZero(log: Buffer, at: number, end: number): boolean {
  for (let i = at; i < end; i++) if (log[i] !== 0) return false;
  return true;
}

function damaged(file: string, at: number): BackendError {
  return new BackendError(
    "CORRUPT",
    `${file}: the log is damaged at byte ${at}; ` +
      "restore this member from a snapshot or from its peers",
  );
}
