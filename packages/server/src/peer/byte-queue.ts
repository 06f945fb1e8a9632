/**
 * Bytes in the pieces in which a socket delivers them. What lies in one piece is handed out without
 * a copy; the memory taken is what has arrived, whatever length a header announces.
 */
export class ByteQueue {
  readonly #pieces: Buffer[] = [];
  /** Bytes of the first piece that were taken. */
  #offset = 0;
  #length = 0;

  /** Bytes that have not been taken. */
  get length(): number {
    return this.#length;
  }

  /** The queue keeps `piece`; nobody may change it. */
  push(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#length += piece.length;
  }

  /** The next `count` bytes, at least 1; `length` says whether there are as many. */
  take(count: number): Buffer {
    const piece = this.#pieces[0]!;
    const end = this.#offset + count;
    if (end > piece.length) return this.#gather(count);
    const taken = piece.subarray(this.#offset, end);
    this.#advance(piece, count);
    return taken;
  }

  /** The next byte. */
  takeByte(): number {
    const piece = this.#pieces[0]!;
    const byte = piece[this.#offset]!;
    this.#advance(piece, 1);
    return byte;
  }

  /** The next 8 bytes as a big-endian number; above 2^53 merely large. */
  takeNumber(): number {
    const piece = this.#pieces[0]!;
    const at = this.#offset;
    if (at + 8 > piece.length) {
      const bytes = this.#gather(8);
      return bytes.readUInt32BE(0) * 2 ** 32 + bytes.readUInt32BE(4);
    }
    const value = piece.readUInt32BE(at) * 2 ** 32 + piece.readUInt32BE(at + 4);
    this.#advance(piece, 8);
    return value;
  }

  /** The piece that is taken from now; its bytes from `headStart` on have not been taken. */
  get head(): Buffer {
    return this.#pieces[0] ?? NOTHING;
  }

  get headStart(): number {
    return this.#offset;
  }

  /** Takes `count` bytes of the head that were read in place, at least 1. */
  skip(count: number): void {
    this.#advance(this.#pieces[0]!, count);
  }

  #gather(count: number): Buffer {
    const gathered = Buffer.allocUnsafeSlow(count);
    for (let filled = 0; filled < count; ) {
      const piece = this.#pieces[0]!;
      const part = Math.min(count - filled, piece.length - this.#offset);
      piece.copy(gathered, filled, this.#offset, this.#offset + part);
      filled += part;
      this.#advance(piece, part);
    }
    return gathered;
  }

  #advance(piece: Buffer, count: number): void {
    this.#length -= count;
    this.#offset += count;
    if (this.#offset < piece.length) return;
    this.#offset = 0;
    this.#pieces.shift();
  }
}

const NOTHING = Buffer.alloc(0);
