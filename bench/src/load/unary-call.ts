import { type Call, type CallConnection, GrpcStatus } from "../wire/call.js";
import type { CallState, Operation } from "./operation.js";

/** Told about every call that ended; `fault` is undefined when all of it was right. */
export type OnDone = (
  call: UnaryCall,
  connection: CallConnection,
  fault: string | undefined,
) => void;

/**
 * A call with one request that can be used again and again: set `operation` and `startedMs`, then
 * start it.
 */
export class UnaryCall implements Call, CallState {
  readonly keepsOpen = false;
  streamId = 0;
  key = 0;
  revision = 0;
  records = 0;
  operation: Operation;
  /** When it was started, or should have been. */
  startedMs = 0;
  readonly #onDone: OnDone;
  #replies = 0;
  #fault: string | undefined;

  constructor(operation: Operation, onDone: OnDone) {
    this.operation = operation;
    this.#onDone = onDone;
  }

  get path(): string {
    return this.operation.path;
  }

  get requestBytesMax(): number {
    return this.operation.requestBytesMax;
  }

  write(into: Buffer, at: number): number {
    this.#replies = 0;
    this.#fault = undefined;
    this.records = 0;
    return this.operation.write(into, at, this);
  }

  onMessage(bytes: Buffer, start: number, end: number): void {
    this.#replies++;
    this.#fault ??= this.operation.check(bytes, start, end, this);
  }

  onEnd(status: number, message: string, connection: CallConnection): void {
    let fault = this.#fault;
    if (status !== GrpcStatus.OK) fault = `status ${status}: ${message}`;
    else if (this.operation.checkEnd !== undefined) fault ??= this.operation.checkEnd(this);
    else if (this.#replies !== 1) fault = `${this.#replies} replies to one request`;
    this.#onDone(this, connection, fault);
  }
}
