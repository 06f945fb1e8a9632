import type { Call } from "./call.js";

/**
 * The open calls of a connection, by stream id. Ids are odd and grow, so a ring of the power of two
 * that holds the open ones answers with one array access; it doubles when an old call is in the
 * way.
 */
export class StreamRing {
  #calls: (Call | undefined)[] = new Array<Call | undefined>(FIRST_CAPACITY).fill(undefined);
  /** Bytes received for the call in the same place and not yet given back to the server. */
  #received = new Float64Array(FIRST_CAPACITY);
  #mask = FIRST_CAPACITY - 1;
  #open = 0;

  get open(): number {
    return this.#open;
  }

  get(streamId: number): Call | undefined {
    const call = this.#calls[(streamId >>> 1) & this.#mask];
    return call !== undefined && call.streamId === streamId ? call : undefined;
  }

  /** @param call with its `streamId` set */
  add(call: Call): void {
    while (this.#calls[(call.streamId >>> 1) & this.#mask] !== undefined) this.#grow();
    this.#calls[(call.streamId >>> 1) & this.#mask] = call;
    this.#received[(call.streamId >>> 1) & this.#mask] = 0;
    this.#open++;
  }

  /** Counts bytes received for an open call; returns how many are owed to the server's window. */
  receive(streamId: number, bytes: number): number {
    const place = (streamId >>> 1) & this.#mask;
    const owed = this.#received[place]! + bytes;
    this.#received[place] = owed;
    return owed;
  }

  /** What was received for an open call has been given back. */
  settle(streamId: number): void {
    this.#received[(streamId >>> 1) & this.#mask] = 0;
  }

  remove(streamId: number): void {
    this.#calls[(streamId >>> 1) & this.#mask] = undefined;
    this.#open--;
  }

  /** Empties the ring; the calls that were open, oldest first. */
  takeAll(): Call[] {
    const calls = this.#calls.filter((call) => call !== undefined);
    this.#calls.fill(undefined);
    this.#open = 0;
    return calls.sort((a, b) => a.streamId - b.streamId);
  }

  #grow(): void {
    const old = this.#calls;
    const oldReceived = this.#received;
    const oldMask = this.#mask;
    this.#mask = old.length * 2 - 1;
    this.#calls = new Array<Call | undefined>(old.length * 2).fill(undefined);
    this.#received = new Float64Array(old.length * 2);
    for (const call of old) {
      if (call === undefined) continue;
      const number = call.streamId >>> 1;
      this.#calls[number & this.#mask] = call;
      this.#received[number & this.#mask] = oldReceived[number & oldMask]!;
    }
  }
}

const FIRST_CAPACITY = 256;
