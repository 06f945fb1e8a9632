import { crc32c } from "@node-rs/crc32";

/**
 * CRC-32C over many small pieces. Pieces that stand one after the other in memory, as the keys and
 * values of a leaf page do, are hashed as one run: a call into the library costs as much as 4 KiB.
 */
export class RunCrc {
  #crc = 0;
  #memory: ArrayBufferLike | undefined;
  #start = 0;
  #end = 0;

  /** The piece must not change before `digest`. */
  add(piece: Uint8Array): void {
    if (piece.length === 0) return;
    const start = piece.byteOffset;
    if (piece.buffer === this.#memory && start === this.#end) {
      this.#end = start + piece.length;
      return;
    }
    this.#flush();
    this.#memory = piece.buffer;
    this.#start = start;
    this.#end = start + piece.length;
  }

  /** The checksum of all pieces so far. */
  digest(): number {
    this.#flush();
    return this.#crc;
  }

  #flush(): void {
    if (this.#memory === undefined) return;
    const run = Buffer.from(this.#memory, this.#start, this.#end - this.#start);
    this.#crc = crc32c(run, this.#crc);
    this.#memory = undefined;
  }
}
