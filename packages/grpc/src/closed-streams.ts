/** Streams remembered after their end. */
const REMEMBERED = 1024;

/** How a stream ended: does the client know that it may send nothing more? */
export type ClosedBy = "client" | "server" | "unknown";

/**
 * The last streams that ended, to tell a client's error from frames that crossed with a reset:
 * what comes after a reset by the server is dropped, what comes after the client's own end is an
 * error (RFC 9113 5.1, "closed"). A ring; the oldest is forgotten.
 */
export class ClosedStreams {
  /** Stream id for "client", its negative for "server". Made when the first stream has ended. */
  #ring: Int32Array | undefined;
  #next = 0;

  add(streamId: number, by: "client" | "server"): void {
    this.#ring ??= new Int32Array(REMEMBERED);
    this.#ring[this.#next] = by === "client" ? streamId : -streamId;
    this.#next = (this.#next + 1) % REMEMBERED;
  }

  closedBy(streamId: number): ClosedBy {
    if (this.#ring === undefined) return "unknown";
    if (this.#ring.includes(streamId)) return "client";
    return this.#ring.includes(-streamId) ? "server" : "unknown";
  }
}
