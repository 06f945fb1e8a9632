import type { IncomingMessage } from "node:http";
import { ByteQueue } from "../byte-queue.js";
import { takeLength } from "../message-stream-codec.js";
import { PeerError } from "../peer-error.js";

/** The body of a snapshot's post, read piece by piece and only as fast as it is asked for. */
export class SnapshotBody {
  readonly #pieces: AsyncIterator<Buffer>;
  /** What came together with the message's end. */
  readonly #queue = new ByteQueue();
  #dbBytes = 0;

  constructor(request: IncomingMessage) {
    this.#pieces = (request as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  }

  /** Bytes of the db file handed out so far. */
  get dbBytes(): number {
    return this.#dbBytes;
  }

  /** The encoded message. @throws PeerError "MALFORMED" when it is cut off or larger than allowed */
  async readHead(bytesMax: number): Promise<Buffer> {
    await this.#fill(8);
    const length = takeLength(this.#queue, bytesMax);
    await this.#fill(length);
    return length === 0 ? Buffer.alloc(0) : this.#queue.take(length);
  }

  /** The rest of the body; once. Throws when the sender goes away before its end. */
  async *db(): AsyncGenerator<Buffer> {
    if (this.#queue.length > 0) yield this.#count(this.#queue.take(this.#queue.length));
    for (;;) {
      const next = await this.#pieces.next();
      if (next.done === true) return;
      yield this.#count(next.value);
    }
  }

  async #fill(bytes: number): Promise<void> {
    while (this.#queue.length < bytes) {
      const next = await this.#pieces.next();
      if (next.done === true) {
        throw new PeerError("MALFORMED", this.#queue.length === 0 ? "EOF" : "unexpected EOF");
      }
      this.#queue.push(next.value);
    }
  }

  #count(piece: Buffer): Buffer {
    this.#dbBytes += piece.length;
    return piece;
  }
}
