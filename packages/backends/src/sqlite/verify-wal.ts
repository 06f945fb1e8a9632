import { readFile } from "node:fs/promises";
import { BackendError } from "../port.js";
import {
  FRAME_HEADER_BYTES,
  FRAME_SALTS_AT,
  WAL_HEADER_BYTES,
  WAL_SALTS_AT,
  WAL_SALTS_BYTES,
} from "./wal-format.js";

const MAGIC = 0x377f0682;

/**
 * SQLite replays its journal up to the first damaged frame and silently drops the rest, with
 * commits that were acknowledged. This looks first: one unfinished transaction may stand at the
 * end, so at most one commit frame may follow a damaged one.
 * @throws BackendError "CORRUPT"
 */
export async function verifyWal(file: string): Promise<void> {
  const wal = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return Buffer.alloc(0);
    throw error;
  });
  if (wal.length < WAL_HEADER_BYTES) return;
  const magic = wal.readUInt32BE(0);
  const pageBytes = wal.readUInt32BE(8);
  const frameBytes = FRAME_HEADER_BYTES + pageBytes;
  const sum = new RunningSum((magic & 1) === 1);
  sum.add(wal, 0, 24);
  const headerIsGood = (magic & ~1) >>> 0 === MAGIC && sum.equals(wal, 24);
  if (!headerIsGood) {
    // The header is written and synced before any frame, so frames need a good one.
    if (wal.length >= WAL_HEADER_BYTES + FRAME_HEADER_BYTES) throw damaged(file, 0);
    return;
  }
  const salts = wal.subarray(WAL_SALTS_AT, WAL_SALTS_AT + WAL_SALTS_BYTES);
  let badAt: number | undefined;
  let commitsAfter = 0;
  for (let at = WAL_HEADER_BYTES; at + frameBytes <= wal.length; at += frameBytes) {
    // Frames of an earlier round, which this one has not overwritten, have another salt.
    const saltsAt = at + FRAME_SALTS_AT;
    const current = salts.compare(wal, saltsAt, saltsAt + WAL_SALTS_BYTES) === 0;
    if (badAt === undefined) {
      sum.add(wal, at, 8);
      sum.add(wal, at + FRAME_HEADER_BYTES, pageBytes);
      if (!current || !sum.equals(wal, at + 16)) badAt = at;
    }
    if (badAt !== undefined && current && wal.readUInt32BE(at + 4) !== 0) commitsAfter++;
    if (badAt !== undefined && commitsAfter > 1) throw damaged(file, badAt);
  }
}

/** SQLite's checksum: two sums over pairs of 32-bit words, carried on from frame to frame. */
class RunningSum {
  readonly #bigEndian: boolean;
  #first = 0;
  #second = 0;

  constructor(bigEndian: boolean) {
    this.#bigEndian = bigEndian;
  }

  add(bytes: Buffer, start: number, length: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset + start, length);
    const littleEndian = !this.#bigEndian;
    let first = this.#first;
    let second = this.#second;
    for (let i = 0; i < length; i += 8) {
      first = (first + view.getUint32(i, littleEndian) + second) | 0;
      second = (second + view.getUint32(i + 4, littleEndian) + first) | 0;
    }
    this.#first = first;
    this.#second = second;
  }

  equals(bytes: Buffer, at: number): boolean {
    return (
      bytes.readUInt32BE(at) === this.#first >>> 0 &&
      bytes.readUInt32BE(at + 4) === this.#second >>> 0
    );
  }
}

function damaged(file: string, at: number): BackendError {
  return new BackendError(
    "CORRUPT",
    `${file}: the journal is damaged at byte ${at}, before commits that are whole; ` +
      "restore this member from a snapshot or from its peers",
  );
}
