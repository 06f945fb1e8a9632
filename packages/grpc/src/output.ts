import type { Socket } from "node:net";

const EMPTY = Buffer.alloc(0);
/** A chunk with less room than this is not worth handing on. */
const REUSE_BYTES_MIN = 4096;
/** Idle chunks kept for the next connection that has something to say. */
const IDLE_CHUNKS_MAX = 16;

/** A chunk of memory of which everything below `offset` is given away already. */
interface Chunk {
  readonly bytes: Buffer;
  readonly offset: number;
}

/**
 * Chunks that the connections of a server write their output into. A connection holds one only while
 * it has output for this turn, so a thousand idle connections cost no chunk. Bytes below a chunk's
 * offset belong to writes under way and are never touched again.
 */
export class ChunkPool {
  readonly #chunkBytes: number;
  readonly #idle: Chunk[] = [];

  constructor(chunkBytes: number) {
    this.#chunkBytes = chunkBytes;
  }

  take(bytesMin: number): Chunk {
    const idle = this.#idle.pop();
    if (idle !== undefined && idle.bytes.length - idle.offset >= bytesMin) return idle;
    return { bytes: Buffer.allocUnsafeSlow(Math.max(this.#chunkBytes, bytesMin)), offset: 0 };
  }

  give(bytes: Buffer, offset: number): void {
    if (bytes.length - offset < REUSE_BYTES_MIN || this.#idle.length >= IDLE_CHUNKS_MAX) return;
    this.#idle.push({ bytes, offset });
  }
}

/**
 * What one connection has to say and has not handed to its socket. A writer calls `reserve`, writes
 * into `bytes` from `offset` on and moves `offset` forward.
 */
export class Output {
  readonly #pool: ChunkPool;
  bytes: Buffer = EMPTY;
  offset = 0;
  #start = 0;
  #sealed: Uint8Array[] = [];
  #sealedBytes = 0;

  constructor(pool: ChunkPool) {
    this.#pool = pool;
  }

  get pendingBytes(): number {
    return this.#sealedBytes + this.offset - this.#start;
  }

  /** Makes room for `count` more bytes in one piece. */
  reserve(count: number): void {
    if (this.bytes.length - this.offset < count) this.#renew(count);
  }

  /** Appends `piece` without copying it; it must not change any more. */
  appendReference(piece: Uint8Array): void {
    this.#seal();
    this.#sealed.push(piece);
    this.#sealedBytes += piece.length;
  }

  appendCopy(piece: Uint8Array, start: number, end: number): void {
    const count = end - start;
    this.reserve(count);
    const { bytes, offset } = this;
    if (count <= 64) {
      for (let i = 0; i < count; i++) bytes[offset + i] = piece[start + i]!;
    } else {
      bytes.set(start === 0 && end === piece.length ? piece : piece.subarray(start, end), offset);
    }
    this.offset = offset + count;
  }

  /** Hands everything to the socket in one write. */
  flushTo(socket: Socket): void {
    this.#seal();
    this.#release();
    const sealed = this.#sealed;
    if (sealed.length === 0) return;
    this.#sealed = [];
    this.#sealedBytes = 0;
    if (sealed.length === 1) {
      socket.write(sealed[0]!);
      return;
    }
    socket.cork();
    for (const piece of sealed) socket.write(piece);
    socket.uncork();
  }

  clear(): void {
    this.#seal();
    this.#release();
    this.#sealed = [];
    this.#sealedBytes = 0;
  }

  #seal(): void {
    if (this.offset === this.#start) return;
    this.#sealed.push(this.bytes.subarray(this.#start, this.offset));
    this.#sealedBytes += this.offset - this.#start;
    this.#start = this.offset;
  }

  #release(): void {
    if (this.bytes.length === 0) return;
    this.#pool.give(this.bytes, this.offset);
    this.bytes = EMPTY;
    this.offset = 0;
    this.#start = 0;
  }

  #renew(count: number): void {
    this.#seal();
    this.#release();
    const chunk = this.#pool.take(count);
    this.bytes = chunk.bytes;
    this.offset = chunk.offset;
    this.#start = chunk.offset;
  }
}
