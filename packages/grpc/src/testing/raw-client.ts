import { connect, type Socket } from "node:net";
import { CLIENT_PREFACE, Flag, FRAME_HEADER_BYTES, FrameType } from "../frame.js";
import { HpackDecoder } from "../hpack/decoder.js";
import { encodeFields, type Field } from "../hpack/encoder.js";

export interface ReceivedFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** The bytes of a frame. */
export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(FRAME_HEADER_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

export function settingsFrame(...settings: [id: number, value: number][]): Buffer {
  const payload = Buffer.alloc(settings.length * 6);
  settings.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, i * 6);
    payload.writeUInt32BE(value, i * 6 + 2);
  });
  return frame(FrameType.SETTINGS, 0, 0, payload);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function windowUpdate(streamId: number, increment: number): Buffer {
  return frame(FrameType.WINDOW_UPDATE, 0, streamId, uint32(increment));
}

/** A gRPC message with its prefix. */
export function grpcMessage(body: Uint8Array, flag = 0): Buffer {
  return Buffer.concat([Buffer.from([flag]), uint32(body.length), body]);
}

export function requestFields(path: string, ...more: Field[]): Field[] {
  return [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "localhost"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ...more,
  ];
}

export function headersFrame(
  streamId: number,
  fields: readonly Field[],
  flags: number = Flag.END_HEADERS,
): Buffer {
  return frame(FrameType.HEADERS, flags, streamId, encodeFields(fields));
}

export function dataFrame(streamId: number, payload: Uint8Array, flags = 0): Buffer {
  return frame(FrameType.DATA, flags, streamId, payload);
}

/** HEADERS and one DATA with END_STREAM. */
export function unaryRequest(streamId: number, path: string, body: Uint8Array): Buffer {
  return Buffer.concat([
    headersFrame(streamId, requestFields(path)),
    dataFrame(streamId, grpcMessage(body), Flag.END_STREAM),
  ]);
}

export interface GoAway {
  readonly lastStreamId: number;
  readonly errorCode: number;
  readonly reason: string;
}

/** An HTTP/2 client that sends exactly the bytes it is told to, and shows every frame it gets. */
export class RawClient {
  readonly socket: Socket;
  readonly frames: ReceivedFrame[] = [];
  readonly #decoder = new HpackDecoder({ tableBytesMax: 4096, listBytesMax: 1 << 20 });
  readonly #headers = new Map<ReceivedFrame, readonly string[]>();
  #pending: Buffer = Buffer.alloc(0);
  #waiters: (() => void)[] = [];
  isClosed = false;

  static async open(port: number): Promise<RawClient> {
    const socket = connect(port, "127.0.0.1");
    await new Promise((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new RawClient(socket);
  }

  /** Connected, with preface and settings exchanged. */
  static async handshake(port: number, ...settings: [number, number][]): Promise<RawClient> {
    const client = await RawClient.open(port);
    client.send(Buffer.from(CLIENT_PREFACE), settingsFrame(...settings));
    await client.waitFor((f) => f.type === FrameType.SETTINGS && f.flags === Flag.ACK);
    client.send(frame(FrameType.SETTINGS, Flag.ACK, 0));
    return client;
  }

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.isClosed = true;
      this.#notify();
    });
    socket.on("end", () => socket.end());
  }

  send(...parts: Uint8Array[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  /** The first frame, past or to come, that fits; rejects when the connection closes before. */
  waitFor(fits: (frame: ReceivedFrame) => boolean): Promise<ReceivedFrame> {
    return this.#until(() => this.frames.find(fits), "a frame");
  }

  async goAway(): Promise<GoAway> {
    const { payload } = await this.waitFor((f) => f.type === FrameType.GOAWAY);
    return {
      lastStreamId: payload.readUInt32BE(0),
      errorCode: payload.readUInt32BE(4),
      reason: payload.toString("utf8", 8),
    };
  }

  /** The error code that reset a stream. */
  async reset(streamId: number): Promise<number> {
    const found = await this.waitFor(
      (f) => f.type === FrameType.RST_STREAM && f.streamId === streamId,
    );
    return found.payload.readUInt32BE(0);
  }

  async closed(): Promise<void> {
    while (!this.isClosed) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  /** The fields of a stream's last header block, once the stream has ended. */
  async trailers(streamId: number): Promise<ReadonlyMap<string, string>> {
    const found = await this.waitFor(
      (f) =>
        f.streamId === streamId && f.type === FrameType.HEADERS && (f.flags & Flag.END_STREAM) > 0,
    );
    const fields = this.#headers.get(found)!;
    const map = new Map<string, string>();
    for (let i = 0; i < fields.length; i += 2) map.set(fields[i]!, fields[i + 1]!);
    return map;
  }

  /** All DATA of a stream so far. */
  body(streamId: number): Buffer {
    const isData = (f: ReceivedFrame): boolean =>
      f.type === FrameType.DATA && f.streamId === streamId;
    return Buffer.concat(this.frames.filter(isData).map((f) => f.payload));
  }

  close(): void {
    this.socket.destroy();
  }

  async #until<T>(probe: () => T | undefined, what: string): Promise<T> {
    for (;;) {
      const found = probe();
      if (found !== undefined) return found;
      if (this.isClosed) throw new Error(`connection closed while waiting for ${what}`);
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  #onData(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    while (this.#pending.length >= FRAME_HEADER_BYTES) {
      const end = FRAME_HEADER_BYTES + this.#pending.readUIntBE(0, 3);
      if (this.#pending.length < end) break;
      const received: ReceivedFrame = {
        type: this.#pending[3]!,
        flags: this.#pending[4]!,
        streamId: this.#pending.readUInt32BE(5),
        payload: this.#pending.subarray(FRAME_HEADER_BYTES, end),
      };
      this.#pending = this.#pending.subarray(end);
      this.frames.push(received);
      if (received.type === FrameType.HEADERS) {
        const { payload } = received;
        const fields = this.#decoder.decode(payload, 0, payload.length);
        this.#headers.set(received, fields ?? []);
      }
    }
    this.#notify();
  }

  #notify(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }
}
