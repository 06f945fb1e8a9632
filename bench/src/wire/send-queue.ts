import { INITIAL_FRAME_BYTES_MAX, INITIAL_WINDOW_BYTES } from "./frame.js";

/** Bytes of one stream that wait for the server's windows. */
interface Waiting {
  readonly streamId: number;
  readonly bytes: Buffer;
  at: number;
  readonly endsStream: boolean;
}

export type WriteData = (
  streamId: number,
  bytes: Buffer,
  start: number,
  end: number,
  endsStream: boolean,
) => void;

/**
 * Flow control towards the server, RFC 9113 section 5.2. A small request on an idle queue asks
 * `fitsAtOnce`, spends its bytes and goes straight into the output; anything else waits here.
 */
export class SendQueue {
  frameBytesMax = INITIAL_FRAME_BYTES_MAX;
  #initialWindow = INITIAL_WINDOW_BYTES;
  #connectionWindow = INITIAL_WINDOW_BYTES;
  /** Windows of the streams that send more than their first message; others never look back. */
  readonly #streamWindows = new Map<number, number>();
  #waiting: Waiting[] = [];

  get waitingStreams(): number {
    return this.#waiting.length;
  }

  fitsAtOnce(bytes: number): boolean {
    return (
      bytes <= this.#connectionWindow &&
      bytes <= this.#initialWindow &&
      bytes <= this.frameBytesMax &&
      this.#waiting.length === 0
    );
  }

  /** Takes the bytes of a stream's first and only frame from the connection's window. */
  spend(bytes: number): void {
    this.#connectionWindow -= bytes;
  }

  /** Queues `bytes`, which the queue then owns. */
  push(streamId: number, bytes: Buffer, endsStream: boolean): void {
    if (!this.#streamWindows.has(streamId)) this.#streamWindows.set(streamId, this.#initialWindow);
    this.#waiting.push({ streamId, bytes, at: 0, endsStream });
  }

  /** Remembers the window of a stream whose first frame of `spent` bytes went out at once. */
  keepOpen(streamId: number, spent: number): void {
    this.#streamWindows.set(streamId, this.#initialWindow - spent);
  }

  /** Drops what a stream still had to send. */
  forget(streamId: number): void {
    if (!this.#streamWindows.delete(streamId)) return;
    this.#waiting = this.#waiting.filter((waiting) => waiting.streamId !== streamId);
  }

  /** A WINDOW_UPDATE; stream 0 is the connection. */
  grow(streamId: number, bytes: number): void {
    if (streamId === 0) {
      this.#connectionWindow += bytes;
      return;
    }
    const window = this.#streamWindows.get(streamId);
    if (window !== undefined) this.#streamWindows.set(streamId, window + bytes);
  }

  /** SETTINGS_INITIAL_WINDOW_SIZE, which moves every open window (RFC 9113 section 6.9.2). */
  setInitialWindow(bytes: number): void {
    const change = bytes - this.#initialWindow;
    this.#initialWindow = bytes;
    for (const [id, window] of this.#streamWindows) this.#streamWindows.set(id, window + change);
  }

  /** Hands over what the windows allow, in order within a stream. */
  drain(write: WriteData): void {
    if (this.#waiting.length === 0) return;
    const blocked = new Set<number>();
    for (const waiting of this.#waiting) {
      if (blocked.has(waiting.streamId)) continue;
      if (!this.#sendSome(waiting, write)) blocked.add(waiting.streamId);
      if (this.#connectionWindow <= 0) break;
    }
    this.#waiting = this.#waiting.filter((waiting) => waiting.at <= waiting.bytes.length);
  }

  /** Returns whether all of it went; then `at` is beyond the end. */
  #sendSome(waiting: Waiting, write: WriteData): boolean {
    const { streamId, bytes } = waiting;
    let window = this.#streamWindows.get(streamId) ?? 0;
    for (;;) {
      const left = bytes.length - waiting.at;
      const size = Math.min(left, window, this.#connectionWindow, this.frameBytesMax);
      if (size <= 0 && left > 0) break;
      const isLast = size === left;
      write(streamId, bytes, waiting.at, waiting.at + size, isLast && waiting.endsStream);
      waiting.at += size;
      window -= size;
      this.#connectionWindow -= size;
      if (isLast) {
        waiting.at = bytes.length + 1;
        break;
      }
    }
    this.#streamWindows.set(streamId, window);
    const isDone = waiting.at > bytes.length;
    if (isDone && waiting.endsStream) this.#streamWindows.delete(streamId);
    return isDone;
  }
}
