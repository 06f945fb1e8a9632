import { messageToJson } from "@kvorum/api";
import {
  type MessagePart,
  type Metadata,
  type Peer,
  type SplicedMessage,
  Status,
  type StatusCode,
  type UnaryCall,
} from "@kvorum/grpc";
import type { CallContext } from "./call-context.js";
import { CallEnd } from "./call-end.js";
import { bytesOfParts, lengthOfParts } from "./message-parts.js";
import type { Refusal } from "./refusal.js";
import { respondJson, respondRefusal } from "./reply.js";

/** A unary call whose answer becomes the JSON body of a response. */
export class UnaryJsonCall implements UnaryCall {
  readonly path: string;
  readonly metadata: Metadata;
  readonly peer: Peer;
  readonly deadlineMs: number;
  readonly callEnd: CallEnd;
  onCancel: (() => void) | undefined = undefined;
  startMs = 0;
  state: unknown = undefined;
  readonly #context: CallContext;

  constructor(context: CallContext) {
    this.#context = context;
    this.path = context.route.json.path;
    this.metadata = context.metadata;
    this.peer = context.peer;
    this.deadlineMs = context.deadlineMs;
    const onDeadline = (refusal: Refusal) => respondRefusal(context.response, refusal);
    this.callEnd = new CallEnd(context, { call: this, onDeadline });
  }

  get cancelled(): boolean {
    return this.callEnd.isCancelled;
  }

  respond(message: Uint8Array): void {
    if (message.length > this.#context.limits.replyBytesMax) {
      this.#refuseLength(message.length);
      return;
    }
    if (!this.callEnd.finish(Status.OK)) return;
    const { route, response } = this.#context;
    respondJson(response, messageToJson(route.json.output, message));
  }

  respondParts(parts: readonly MessagePart[]): void {
    const length = lengthOfParts(parts);
    if (length > this.#context.limits.replyBytesMax) this.#refuseLength(length);
    else this.respond(bytesOfParts(parts));
  }

  respondCopy(scratch: Uint8Array, length: number): void {
    this.respond(scratch.subarray(0, length));
  }

  respondSpliced(message: SplicedMessage): void {
    const head = message.head.subarray(0, message.headBytes);
    const body = message.body.subarray(message.bodyStart, message.bodyEnd);
    this.respond(Buffer.concat([head, body, message.tail]));
  }

  fail(code: StatusCode, message: string): void {
    if (this.callEnd.finish(code)) respondRefusal(this.#context.response, { code, message });
  }

  #refuseLength(length: number): void {
    const { replyBytesMax } = this.#context.limits;
    const text = `grpc: received message larger than max (${length} vs. ${replyBytesMax})`;
    this.fail(Status.RESOURCE_EXHAUSTED, text);
  }
}
