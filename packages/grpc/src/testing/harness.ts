import { createServer, type Server, type Socket } from "node:net";
import type { Clock } from "@kvorum/base";
import { nodeClock } from "@kvorum/base/node";
import type { Http2Handler } from "../http2-exchange.js";
import { GrpcServer, type GrpcServerOptions } from "../server.js";
import { type Method, Status, type StreamCall } from "../types.js";

/** A listening GrpcServer for tests. */
export interface Harness {
  readonly server: GrpcServer;
  readonly port: number;
  readonly listener: Server;
  close(): Promise<void>;
}

export async function startHarness(
  options: Partial<GrpcServerOptions> & {
    readonly clock?: Clock;
    readonly onHttp2Request?: Http2Handler;
  } = {},
): Promise<Harness> {
  const { onHttp2Request } = options;
  const server = new GrpcServer({
    methods: echoMethods(),
    clock: nodeClock,
    maxReceiveMessageBytes: 8 * 1024 * 1024,
    ...options,
  });
  const listener = createServer((socket: Socket) =>
    server.handle(socket, undefined, onHttp2Request),
  );
  const port = await listen(listener);
  const close = async (): Promise<void> => {
    server.close();
    await new Promise((resolve) => listener.close(resolve));
  };
  return { server, listener, port, close };
}

export function listen(listener: Server): Promise<number> {
  return new Promise((resolve) => {
    listener.listen(0, "127.0.0.1", () => {
      const address = listener.address();
      if (address === null || typeof address === "string") throw new Error("no port");
      resolve(address.port);
    });
  });
}

/** Service test.Echo: what the tests call. */
export function echoMethods(): Map<string, Method> {
  return new Map<string, Method>([
    ["/test.Echo/Unary", { kind: "unary", handle: (call, message) => call.respond(message) }],
    [
      "/test.Echo/Copy",
      { kind: "unary", handle: (call, message) => call.respondCopy(message, message.length) },
    ],
    ["/test.Echo/Splice", { kind: "unary", handle: respondSpliced }],
    [
      "/test.Echo/Fail",
      {
        kind: "unary",
        handle: (call, message) => call.fail(Status.OUT_OF_RANGE, message.toString("utf8")),
      },
    ],
    ["/test.Echo/Hang", { kind: "unary", handle: () => undefined }],
    ["/test.Echo/Metadata", { kind: "unary", handle: respondMetadata }],
    ["/test.Echo/Bidi", { kind: "stream", open: echoStream }],
    ["/test.Echo/Download", { kind: "stream", open: download }],
  ]);
}

const respondMetadata: Extract<Method, { kind: "unary" }>["handle"] = (call, message) => {
  const values = call.metadata.getAll(message.toString("utf8"));
  call.respond(Buffer.from(JSON.stringify(values)));
};

/** Echoes in three pieces, from memory that is used again at once. */
const respondSpliced: Extract<Method, { kind: "unary" }>["handle"] = (call, message) => {
  const third = Math.floor(message.length / 3);
  const head = Buffer.from(message);
  const body = Buffer.concat([Buffer.from("<"), message, Buffer.from(">")]);
  call.respondSpliced({
    ...{ head, headBytes: third, body, bodyStart: 1 + third, bodyEnd: 1 + 2 * third },
    tail: Buffer.from(message.subarray(2 * third)),
  });
  head.fill(0);
  body.fill(0);
};

function echoStream(call: StreamCall): void {
  call.onMessage = (message) => {
    if (!call.write(Buffer.from(message))) call.pause();
  };
  call.onDrain = () => call.resume();
  call.onHalfClose = () => call.end();
}

/** The request names how many messages of how many bytes to send: "count,size". */
function download(call: StreamCall): void {
  call.onMessage = (message) => {
    const [count = 0, size = 0] = message.toString().split(",").map(Number);
    let sent = 0;
    const more = (): void => {
      while (sent < count) {
        const isFree = call.write(Buffer.alloc(size, sent++ & 0xff));
        if (!isFree) return;
      }
      call.end();
    };
    call.onDrain = more;
    more();
  };
}

/** A clock whose time moves only when told to. */
export class FakeClock implements Clock {
  #nowMs = 1000;
  #timers = new Set<{ atMs: number; periodMs: number; callback: () => void }>();

  wallMs(): number {
    return this.#nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  soon(callback: () => void): void {
    nodeClock.soon(callback);
  }

  after(delayMs: number, callback: () => void): { clear(): void } {
    return this.#add(delayMs, 0, callback);
  }

  every(periodMs: number, callback: () => void): { clear(): void } {
    return this.#add(periodMs, periodMs, callback);
  }

  get timers(): number {
    return this.#timers.size;
  }

  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const due = [...this.#timers].sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined || due.atMs > endMs) break;
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      if (due.periodMs > 0) due.atMs += due.periodMs;
      else this.#timers.delete(due);
      due.callback();
    }
    this.#nowMs = endMs;
  }

  /** Time passes while the process stands still: a periodic timer then fires once. */
  stall(ms: number): void {
    this.#nowMs += ms;
    for (const timer of this.#timers) {
      if (timer.periodMs > 0) timer.atMs = Math.max(timer.atMs, this.#nowMs);
    }
  }

  #add(delayMs: number, periodMs: number, callback: () => void): { clear(): void } {
    const timer = { atMs: this.#nowMs + delayMs, periodMs, callback };
    this.#timers.add(timer);
    return { clear: () => this.#timers.delete(timer) };
  }
}

/** KVORUM_SEED, or a new seed; the caller prints it. */
export function testSeed(): number {
  const given = process.env.KVORUM_SEED;
  return given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
}
