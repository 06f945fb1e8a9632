import type { File, FileSystem } from "@kvorum/base";
import { READ_CHUNK_BYTES } from "../limits.js";

/**
 * What stands at the reader's position: a whole frame; the end of the data (a length of zero or the
 * end of the file); a frame that the file is too short for; or "refill", when the answer needs bytes
 * that are not in memory yet.
 */
export type FrameStatus = "frame" | "end" | "short" | "refill";

const LENGTH_BYTES = 8;

/**
 * Reads one segment frame by frame, in large pieces, without a promise per frame: call `peek`, and
 * on "refill" await `refill` and peek again. The memory of a piece is never reused, so that views
 * of it may be kept.
 */
export class FrameReader {
  readonly path: string;
  readonly #file: File;
  #sizeBytes: number;
  #position = 0;
  #piece = Buffer.alloc(0);
  #pieceStart = 0;
  #recordLength = 0;
  #paddingLength = 0;

  private constructor(file: File, path: string, sizeBytes: number) {
    this.path = path;
    this.#file = file;
    this.#sizeBytes = sizeBytes;
  }

  static async open(fs: FileSystem, path: string): Promise<FrameReader> {
    const file = await fs.open(path, "read");
    return new FrameReader(file, path, await file.sizeBytes());
  }

  /** Where the current frame starts, in bytes from the start of the file. */
  get position(): number {
    return this.#position;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  peek(): FrameStatus {
    const left = this.#sizeBytes - this.#position;
    if (left === 0) return "end";
    if (left < LENGTH_BYTES) return "short";
    const at = this.#position - this.#pieceStart;
    const held = this.#piece.length - at;
    if (held < LENGTH_BYTES) {
      this.#recordLength = 0;
      this.#paddingLength = 0;
      return "refill";
    }
    const low = this.#piece.readUInt32LE(at);
    const high = this.#piece.readUInt32LE(at + 4);
    if (low === 0 && high === 0) return "end";
    this.#recordLength = low + (high & 0x00ff_ffff) * 2 ** 32;
    this.#paddingLength = high >= 0x8000_0000 ? (high >>> 24) & 7 : 0;
    if (this.#frameLength() > left) return "short";
    return this.#frameLength() > held ? "refill" : "frame";
  }

  /** Reads on from the current frame. */
  async refill(): Promise<void> {
    const wanted = Math.max(READ_CHUNK_BYTES, this.#frameLength());
    const length = Math.min(wanted, this.#sizeBytes - this.#position);
    const piece = Buffer.allocUnsafeSlow(length);
    let done = 0;
    while (done < length) {
      const count = await this.#file.read(piece.subarray(done), this.#position + done);
      if (count === 0) break;
      done += count;
    }
    if (done < length) this.#sizeBytes = this.#position + done;
    this.#piece = piece.subarray(0, done);
    this.#pieceStart = this.#position;
  }

  /** The memory that holds the frame; valid after `peek` said "frame", as are the next three. */
  get bytes(): Buffer {
    return this.#piece;
  }

  /** Where the record starts in `bytes`. */
  get recordStart(): number {
    return this.#position - this.#pieceStart + LENGTH_BYTES;
  }

  get recordEnd(): number {
    return this.recordStart + this.#recordLength;
  }

  /** The end of the padding behind the record. */
  get paddedEnd(): number {
    return this.recordEnd + this.#paddingLength;
  }

  /** Goes to the next frame: the current one is good. */
  advance(): void {
    this.#position += this.#frameLength();
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  #frameLength(): number {
    return LENGTH_BYTES + this.#recordLength + this.#paddingLength;
  }
}
