/**
 * The receiving side of flow control (RFC 9113 5.2), for a stream or a connection. The client may
 * send `available` more bytes. What has been taken over is given back in batches of half a window,
 * so that many small frames cost one WINDOW_UPDATE.
 */
export class ReceiveWindow {
  readonly #windowBytes: number;
  #available: number;
  #owed = 0;

  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes;
    this.#available = windowBytes;
  }

  /** False when the client sent more than it was allowed to. */
  receive(bytes: number): boolean {
    this.#available -= bytes;
    this.#owed += bytes;
    return this.#available >= 0;
  }

  /** How much to give back now, 0 for nothing yet; the caller sends the WINDOW_UPDATE. */
  takeUpdate(): number {
    if (this.#owed < this.#windowBytes >> 1) return 0;
    const update = this.#owed;
    this.#owed = 0;
    this.#available += update;
    return update;
  }
}
