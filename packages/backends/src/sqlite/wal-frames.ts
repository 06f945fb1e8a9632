import { closeSync, openSync, readSync } from "node:fs";
import { BackendError } from "../port.js";
import {
  FRAME_HEADER_BYTES,
  FRAME_SALTS_AT,
  WAL_HEADER_BYTES,
  WAL_SALTS_AT,
  WAL_SALTS_BYTES,
} from "./wal-format.js";

/** The pages that a view has in the journal: of each the last frame up to the view's own last. */
export class WalFrames {
  readonly #path: string;
  readonly #descriptor: number;
  /** Where the pages begin in the journal. */
  readonly #positions = new Map<number, number>();
  #pageBytes = 0;

  /** @param path of a journal; SQLite keeps the file as long as a connection is open */
  constructor(path: string) {
    this.#path = path;
    this.#descriptor = openSync(path, "r");
  }

  get empty(): boolean {
    return this.#positions.size === 0;
  }

  /** The header of the journal, which is another one after each time that it began anew. */
  header(): Buffer {
    const header = Buffer.alloc(WAL_HEADER_BYTES);
    readSync(this.#descriptor, header, 0, WAL_HEADER_BYTES, 0);
    return header;
  }

  /**
   * Finds the pages; the caller holds a read transaction that keeps the journal from beginning anew.
   * @param header as it was when the transaction began
   * @throws BackendError "CORRUPT"
   */
  find(header: Buffer, frameCount: number, pageBytes: number): void {
    this.#pageBytes = pageBytes;
    const frame = Buffer.alloc(FRAME_HEADER_BYTES);
    const salts = header.subarray(WAL_SALTS_AT, WAL_SALTS_AT + WAL_SALTS_BYTES);
    const frameSalts = frame.subarray(FRAME_SALTS_AT, FRAME_SALTS_AT + WAL_SALTS_BYTES);
    for (let i = 0; i < frameCount; i++) {
      const at = WAL_HEADER_BYTES + i * (FRAME_HEADER_BYTES + pageBytes);
      const length = readSync(this.#descriptor, frame, 0, FRAME_HEADER_BYTES, at);
      if (length < FRAME_HEADER_BYTES || !frameSalts.equals(salts)) throw this.#damaged(at);
      this.#positions.set(frame.readUInt32BE(0), at + FRAME_HEADER_BYTES);
    }
  }

  /** Reads a page to `offset` of `target`; false when the journal does not have it. */
  read(target: Buffer, offset: number, page: number): boolean {
    const position = this.#positions.get(page);
    if (position === undefined) return false;
    const length = readSync(this.#descriptor, target, offset, this.#pageBytes, position);
    if (length < this.#pageBytes) throw this.#damaged(position);
    return true;
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #damaged(at: number): BackendError {
    return new BackendError(
      "CORRUPT",
      `${this.#path}: the journal is damaged at byte ${at}; ` +
        "restore this member from a snapshot or from its peers",
    );
  }
}
