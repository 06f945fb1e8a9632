import { ErrorCode, Http2Error } from "./http2-error.js";
import type { TransportLimits } from "./limits.js";

/**
 * Puts together a header block that came in HEADERS and CONTINUATION frames (RFC 9113 4.3), within
 * limits on its size and on the number of its frames.
 */
export class HeaderAssembly {
  readonly #limits: TransportLimits;
  /** The stream whose block is open, or 0. */
  streamId = 0;
  endsStream = false;
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(limits: TransportLimits) {
    this.#limits = limits;
  }

  begin(streamId: number, endsStream: boolean, piece: Buffer): void {
    this.streamId = streamId;
    this.endsStream = endsStream;
    this.#pieces = [piece];
    this.#bytes = piece.length;
  }

  /** @throws Http2Error ENHANCE_YOUR_CALM above a limit */
  append(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    if (this.#pieces.length - 1 > this.#limits.continuationFramesMax) {
      throw new Http2Error(ErrorCode.ENHANCE_YOUR_CALM, "too many CONTINUATION frames");
    }
    if (this.#bytes > this.#limits.headerBlockBytesMax) {
      throw new Http2Error(ErrorCode.ENHANCE_YOUR_CALM, "header block too large");
    }
  }

  /** The whole block; the assembly is free for the next one. */
  finish(): Buffer {
    const block = Buffer.concat(this.#pieces, this.#bytes);
    this.#pieces = [];
    this.streamId = 0;
    return block;
  }
}
