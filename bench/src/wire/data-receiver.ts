import type { Call, CallConnection } from "./call.js";
import { MESSAGE_PREFIX_BYTES, MessageAssembler, messageEnd } from "./message-assembler.js";

/** Idle assemblers kept, with their memory, for the next messages that are cut. */
const SPARE_MAX = 16;

/**
 * Cuts the DATA of a connection's streams into messages. They are read where they lie; only those
 * that a frame's end cuts are put together elsewhere.
 */
export class DataReceiver {
  readonly #connection: CallConnection;
  /** By stream id; only while a message is cut. */
  readonly #assemblers = new Map<number, MessageAssembler>();
  readonly #spare: MessageAssembler[] = [];

  constructor(connection: CallConnection) {
    this.#connection = connection;
  }

  /** Hands `call` every message that `bytes[from, end)`, the payload of a frame, completes. */
  push(call: Call, bytes: Buffer, from: number, end: number): void {
    const { streamId } = call;
    let start = from;
    if (this.#assemblers.size > 0) {
      const assembler = this.#assemblers.get(streamId);
      if (assembler !== undefined) {
        start = this.#assemble(assembler, call, bytes, start, end);
        if (!assembler.isEmpty) return;
        this.#giveBack(streamId, assembler);
      }
    }
    start = this.#deliver(call, bytes, start, end);
    if (start === end || !this.#connection.isOpen(call, streamId)) return;
    const assembler = this.#spare.pop() ?? new MessageAssembler();
    this.#assemblers.set(streamId, assembler);
    this.#assemble(assembler, call, bytes, start, end);
  }

  forget(streamId: number): void {
    if (this.#assemblers.size > 0) this.#assemblers.delete(streamId);
  }

  /** Returns where the first message begins that is not whole. */
  #deliver(call: Call, bytes: Buffer, start: number, end: number): number {
    const connection = this.#connection;
    const { streamId } = call;
    let next = messageEnd(bytes, start, end);
    if (next === end || call.onMessages === undefined) {
      let at = start;
      while (next >= 0) {
        call.onMessage(bytes, at + MESSAGE_PREFIX_BYTES, next, connection);
        if (next === end || !connection.isOpen(call, streamId)) return end;
        at = next;
        next = messageEnd(bytes, at, end);
      }
      return at;
    }
    return next < 0 ? start : call.onMessages(bytes, start, end, connection);
  }

  #assemble(
    assembler: MessageAssembler,
    call: Call,
    bytes: Buffer,
    start: number,
    end: number,
  ): number {
    return assembler.push(bytes, start, end, (message, from, to) => {
      call.onMessage(message, from, to, this.#connection);
    });
  }

  #giveBack(streamId: number, assembler: MessageAssembler): void {
    this.#assemblers.delete(streamId);
    if (this.#spare.length < SPARE_MAX) this.#spare.push(assembler);
  }
}
