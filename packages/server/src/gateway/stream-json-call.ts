import { messageToJson } from "@kvorum/api";
import {
  type MessagePart,
  type Metadata,
  type Peer,
  Status,
  type StatusCode,
  type StreamCall,
} from "@kvorum/grpc";
import type { CallContext } from "./call-context.js";
import { CallEnd } from "./call-end.js";
import { bytesOfParts, messagesOfFrames } from "./message-parts.js";
import { httpStatusOf, type Refusal, refusalJson } from "./refusal.js";
import { CALL_HEADERS, JSON_TYPE, respondRefusal } from "./reply.js";

/** A streaming call whose messages become lines of a response: {"result":...}, or {"error":...}. */
export class StreamJsonCall implements StreamCall {
  readonly path: string;
  readonly metadata: Metadata;
  readonly peer: Peer;
  readonly deadlineMs: number;
  readonly callEnd: CallEnd;
  onCancel: (() => void) | undefined = undefined;
  onMessage: ((message: Buffer) => void) | undefined = undefined;
  onHalfClose: (() => void) | undefined = undefined;
  onDrain: (() => void) | undefined = undefined;
  startMs = 0;
  state: unknown = undefined;
  readonly #context: CallContext;
  readonly #received: Buffer[] = [];
  #isPaused = false;
  #isHalfClosed = false;

  constructor(context: CallContext) {
    this.#context = context;
    this.path = context.route.json.path;
    this.metadata = context.metadata;
    this.peer = context.peer;
    this.deadlineMs = context.deadlineMs;
    const onDeadline = (refusal: Refusal) => {
      if (this.callEnd.hasBegun) this.#endWith(refusal);
      else respondRefusal(context.response, refusal);
    };
    this.callEnd = new CallEnd(context, { call: this, onDeadline });
    context.response.on("drain", () => {
      if (!this.callEnd.isOver) this.onDrain?.();
    });
  }

  get cancelled(): boolean {
    return this.callEnd.isCancelled;
  }

  get queuedBytes(): number {
    return this.#context.response.writableLength;
  }

  /** A message of the client's; it waits while the handler has paused. */
  receive(message: Buffer): void {
    this.#received.push(message);
    this.#deliver();
  }

  /** The client sends no more. */
  halfClose(): void {
    this.#isHalfClosed = true;
    this.#deliver();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#deliver();
  }

  write(message: Uint8Array): boolean {
    if (this.callEnd.isOver) return false;
    const { route, response } = this.#context;
    const json = messageToJson(route.json.output, message);
    this.#beginResponse();
    const mayGoOn = response.write(`{"result":${json}}\n`);
    route.method.observer?.sent(1);
    if (response.writableLength > this.#context.limits.streamQueueBytesMax) {
      this.fail(Status.RESOURCE_EXHAUSTED, "too many messages wait for the client");
    }
    return mayGoOn;
  }

  writeParts(parts: readonly MessagePart[]): boolean {
    return this.write(bytesOfParts(parts));
  }

  writeFramed(scratch: Uint8Array, length: number): boolean {
    let mayGoOn = true;
    for (const message of messagesOfFrames(scratch, length)) mayGoOn = this.write(message);
    return mayGoOn;
  }

  /** There is no output to write messages into: they become JSON first. */
  openFrame(): undefined {
    return undefined;
  }

  closeFrame(): boolean {
    return false;
  }

  end(): void {
    if (!this.callEnd.finish(Status.OK)) return;
    const { response } = this.#context;
    // A gRPC server's metadata come with its first message.
    if (!response.headersSent) response.writeHead(200, {});
    response.end();
  }

  fail(code: StatusCode, message: string): void {
    if (this.callEnd.finish(code)) this.#endWith({ code, message });
  }

  #deliver(): void {
    while (!this.#isPaused && !this.callEnd.isOver) {
      const message = this.#received.shift();
      if (message === undefined) break;
      this.#context.route.method.observer?.received();
      this.onMessage?.(message);
    }
    if (this.#isPaused || this.#received.length > 0 || !this.#isHalfClosed) return;
    this.#isHalfClosed = false;
    if (!this.callEnd.isOver) this.onHalfClose?.();
  }

  #beginResponse(): void {
    const { response } = this.#context;
    if (!response.headersSent) response.writeHead(200, { ...JSON_TYPE, ...CALL_HEADERS });
  }

  #endWith(refusal: Refusal): void {
    const { response } = this.#context;
    if (!response.headersSent) response.writeHead(httpStatusOf(refusal.code), JSON_TYPE);
    response.end(`{"error":${refusalJson(refusal)}}\n`);
  }
}
