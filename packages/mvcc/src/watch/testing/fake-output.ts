import { etcdserverpb } from "@kvorum/api";
import type { FrameSpace, WatchOutput } from "../output.js";

/** Decodes and keeps what a stream sends; takes it all until `accepts` says otherwise. */
export class FakeOutput implements WatchOutput {
  readonly responses: etcdserverpb.WatchResponse[] = [];
  /** Calls of either method. */
  calls = 0;
  isBlocked = false;
  /** Asked after each call: does the output take more? */
  accepts: () => boolean = () => true;
  onResponse: (response: etcdserverpb.WatchResponse, encodedLength: number) => void = () => {};
  writeFramed?: (bytes: Uint8Array, length: number, responses: number) => boolean;
  openFrame?: (bytesMin: number) => FrameSpace | undefined;
  closeFrame?: (length: number, responses: number) => boolean;
  /** Asked before each `openFrame`: how many bytes of room; undefined refuses. */
  room: (bytesMin: number) => number | undefined = () => 60_000;

  /** @param options.form which of the interface's ways there are: the first, two, or all three */
  constructor(options?: { readonly form: "single" | "framed" | "inPlace" }) {
    const form = options?.form ?? "inPlace";
    if (form === "single") return;
    this.writeFramed = (bytes, length, responses) => {
      this.#takeFramed(bytes, 0, length, responses);
      return this.#answer();
    };
    if (form === "framed") return;
    // The room lies within other memory, as that of a transport does.
    const memory = Buffer.alloc(100_000);
    const start = 7;
    this.openFrame = (bytesMin) => {
      const room = this.room(bytesMin);
      if (room === undefined) return undefined;
      return { bytes: memory, start, end: start + Math.max(bytesMin, room) };
    };
    this.closeFrame = (length, responses) => {
      this.#takeFramed(memory, start, start + length, responses);
      memory.fill(0xff);
      return this.#answer();
    };
  }

  write(parts: readonly Uint8Array[]): boolean {
    this.#take(Uint8Array.from(Buffer.concat(parts)));
    return this.#answer();
  }

  /** What was sent since the last call. */
  take(): etcdserverpb.WatchResponse[] {
    return this.responses.splice(0);
  }

  #takeFramed(bytes: Uint8Array, start: number, end: number, responses: number): void {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, end);
    let count = 0;
    for (let at = start; at < end; count++) {
      const size = view.readUInt32BE(at + 1);
      this.#take(Uint8Array.from(view.subarray(at + 5, at + 5 + size)));
      at += 5 + size;
    }
    if (count !== responses) throw new Error(`${responses} responses were ${count}`);
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
