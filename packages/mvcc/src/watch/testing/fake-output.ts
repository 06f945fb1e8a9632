import { etcdserverpb } from "@kvorum/api";
import type { WatchOutput } from "../output.js";

/** Decodes and keeps what a stream sends; takes it all until `accepts` says otherwise. */
export class FakeOutput implements WatchOutput {
  readonly responses: etcdserverpb.WatchResponse[] = [];
  /** Calls of either method. */
  calls = 0;
  isBlocked = false;
  /** Asked after each call: does the output take more? */
  accepts: () => boolean = () => true;
  onResponse: (response: etcdserverpb.WatchResponse, encodedLength: number) => void = () => {};
  writeFramed?: (bytes: Uint8Array, length: number) => boolean;

  constructor(options?: { readonly framed: boolean }) {
    if (options?.framed !== false) {
      this.writeFramed = (bytes, length) => {
        let at = 0;
        const view = Buffer.from(bytes.buffer, bytes.byteOffset, length);
        while (at < length) {
          const size = view.readUInt32BE(at + 1);
          this.#take(Uint8Array.from(view.subarray(at + 5, at + 5 + size)));
          at += 5 + size;
        }
        return this.#answer();
      };
    }
  }

  write(parts: readonly Uint8Array[]): boolean {
    this.#take(Uint8Array.from(Buffer.concat(parts)));
    return this.#answer();
  }

  /** What was sent since the last call. */
  take(): etcdserverpb.WatchResponse[] {
    return this.responses.splice(0);
  }

  #take(bytes: Uint8Array): void {
    const response = etcdserverpb.WatchResponse.decode(bytes);
    this.responses.push(response);
    this.onResponse(response, bytes.length);
  }

  #answer(): boolean {
    this.calls++;
    if (!this.accepts()) this.isBlocked = true;
    return !this.isBlocked;
  }
}
