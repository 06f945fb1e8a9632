import type { Socket } from "node:net";
import type { MessagePart, MessageSource } from "./types.js";

const EMPTY = Buffer.alloc(0);
/** A chunk with less room than this is not worth handing on before its writes are done. */
const REUSE_BYTES_MIN = 4096;
/** Idle chunks kept for the next connection that has something to say. */
const IDLE_CHUNKS_MAX = 128;

/**
 * A chunk of memory of which everything below `offset` is given away already.
 * ```
 *   held by an output --give--> idle (in the pool) --take--> held
 *                      `------> loose (too full) --last write done--> idle, empty again
 * ```
 */
interface Chunk {
  readonly bytes: Buffer;
  offset: number;
  /** Pieces of it that wait for a socket or are being written. */
  pieces: number;
  state: "held" | "idle" | "loose";
}

/**
 * Chunks that the connections of a server write their output into. A connection holds one only while
 * it has output for this turn, so a thousand idle connections cost no chunk. Bytes below a chunk's
 * offset belong to writes under way and are not touched before those are done; then the chunk is
 * used again from its start. Fresh memory for each 64 KiB of output would be counted against the
 * heap's limit and have the garbage collector mark all of it, time and again.
 */
export class ChunkPool {
  readonly #chunkBytes: number;
  readonly #idle: Chunk[] = [];

  constructor(chunkBytes: number) {
    this.#chunkBytes = chunkBytes;
  }

  take(bytesMin: number): Chunk {
    const idle = this.#idle.pop();
    if (idle !== undefined) {
      if (idle.bytes.length - idle.offset >= bytesMin) {
        idle.state = "held";
        return idle;
      }
      this.#putAway(idle, bytesMin);
    }
    const bytes = Buffer.allocUnsafeSlow(Math.max(this.#chunkBytes, bytesMin));
    return { bytes, offset: 0, pieces: 0, state: "held" };
  }

  /** The holder has nothing more to write into `chunk`. */
  give(chunk: Chunk): void {
    if (chunk.pieces === 0) chunk.offset = 0;
    this.#putAway(chunk, REUSE_BYTES_MIN);
  }

  /** A piece of `chunk` is with the kernel. */
  written(chunk: Chunk): void {
    chunk.pieces--;
    if (chunk.pieces > 0 || chunk.state === "held") return;
    chunk.offset = 0;
    if (chunk.state === "loose") this.#putAway(chunk, REUSE_BYTES_MIN);
  }

  #putAway(chunk: Chunk, bytesMin: number): void {
    const hasRoom = chunk.bytes.length - chunk.offset >= bytesMin;
    const isIdle =
      hasRoom && chunk.bytes.length === this.#chunkBytes && this.#idle.length < IDLE_CHUNKS_MAX;
    chunk.state = isIdle ? "idle" : "loose";
    if (isIdle) this.#idle.push(chunk);
  }
}

/**
 * What one connection has to say and has not handed to its socket. A writer calls `reserve`, writes
 * into `bytes` from `offset` on and moves `offset` forward.
 */
export class Output {
  readonly #pool: ChunkPool;
  /** The memory of `#chunk`. */
  bytes: Buffer = EMPTY;
  offset = 0;
  #chunk: Chunk | undefined;
  #start = 0;
  #sealed: Uint8Array[] = [];
  #sealedBytes = 0;
  /** The chunks of the sealed pieces, once a piece. */
  #chunks: Chunk[] = [];
  /** Those of each write that is not done yet, in order. */
  #writing: Chunk[][] = [];
  /** Writes known to be done whose callbacks are still to come. */
  #callbacksOwed = 0;
  #hasFailed = false;

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

  /** The next `count` bytes of a source. */
  appendNext(source: MessageSource, count: number): void {
    for (let left = count; left > 0; ) {
      this.reserve(Math.min(left, REUSE_BYTES_MIN));
      const part = Math.min(left, this.bytes.length - this.offset);
      source.copyNext(this.bytes, this.offset, part);
      this.offset += part;
      left -= part;
    }
  }

  /** The whole of a part, copied. */
  appendPart(part: MessagePart): void {
    if (part instanceof Uint8Array) this.appendCopy(part, 0, part.length);
    else this.appendNext(part, part.length);
  }

  /** Hands everything to the socket in one write. */
  flushTo(socket: Socket): void {
    this.#seal();
    this.#release();
    const sealed = this.#sealed;
    if (sealed.length === 0) return;
    this.#sealed = [];
    this.#sealedBytes = 0;
    this.#writing.push(this.#chunks);
    this.#chunks = [];
    const last = sealed.length - 1;
    if (last === 0) {
      socket.write(sealed[0]!, this.#onWritten);
    } else {
      socket.cork();
      for (let i = 0; i < last; i++) socket.write(sealed[i]!);
      socket.write(sealed[last]!, this.#onWritten);
      socket.uncork();
    }
    // Of a socket that broke nobody knows who still reads the memory.
    if (socket.writableLength === 0 && !socket.destroyed) this.#recycleAll();
  }

  clear(): void {
    this.#seal();
    this.#release();
    this.#sealed = [];
    this.#sealedBytes = 0;
    for (const chunk of this.#chunks) this.#pool.written(chunk);
    this.#chunks = [];
  }

  /**
   * The kernel took everything at once: the next connection of this turn writes into the same, still
   * cached memory, without waiting for the callbacks, which come when the turn is over.
   */
  #recycleAll(): void {
    const writing = this.#writing;
    this.#callbacksOwed += writing.length;
    for (let i = 0; i < writing.length; i++) this.#recycle(writing[i]!);
    writing.length = 0;
  }

  #recycle(chunks: readonly Chunk[]): void {
    if (this.#hasFailed) return;
    for (const chunk of chunks) this.#pool.written(chunk);
  }

  /** Writes end in their order. After a failure nobody knows who still reads the memory: it is left. */
  readonly #onWritten = (error?: Error | null): void => {
    if (error !== undefined && error !== null) this.#hasFailed = true;
    if (this.#callbacksOwed > 0) {
      this.#callbacksOwed--;
      return;
    }
    const chunks = this.#writing.shift();
    if (chunks !== undefined) this.#recycle(chunks);
  };

  #seal(): void {
    const chunk = this.#chunk;
    if (chunk === undefined || this.offset === this.#start) return;
    this.#sealed.push(this.bytes.subarray(this.#start, this.offset));
    this.#sealedBytes += this.offset - this.#start;
    this.#start = this.offset;
    chunk.pieces++;
    this.#chunks.push(chunk);
  }

  #release(): void {
    const chunk = this.#chunk;
    if (chunk === undefined) return;
    chunk.offset = this.offset;
    this.#pool.give(chunk);
    this.#chunk = undefined;
    this.bytes = EMPTY;
    this.offset = 0;
    this.#start = 0;
  }

  #renew(count: number): void {
    this.#seal();
    this.#release();
    const chunk = this.#pool.take(count);
    this.#chunk = chunk;
    this.bytes = chunk.bytes;
    this.offset = chunk.offset;
    this.#start = chunk.offset;
  }
}
