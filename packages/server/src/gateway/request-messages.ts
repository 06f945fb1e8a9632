import { JsonError, type JsonMethod, JsonValues, jsonToMessage } from "@kvorum/api";
import { Status } from "@kvorum/grpc";
import type { PageRequest } from "../http/page.js";
import type { GatewayLimits } from "./limits.js";
import { type Refusal, refusalOf } from "./refusal.js";

/** Bytes of requests that are not whole yet, of all calls. */
export interface HeldBodies {
  bytes: number;
}

export interface RequestMessagesOptions {
  readonly held: HeldBodies;
  readonly limits: GatewayLimits;
  /** Encoded bytes of one message. */
  readonly messageBytesMax: number;
  readonly onMessage: (message: Buffer) => void;
  /** The body is over, and was whole. */
  readonly onEnd: () => void;
  /** Instead of `onEnd`: no more is read. */
  readonly onRefusal: (refusal: Refusal) => void;
}

/**
 * Reads the messages of a request's body, given in JSON one behind the other. Of a method that
 * takes one message the rest of the body is passed over, as etcd's gateway does it.
 * @returns a function to call when the call is over: what is held is forgotten
 */
export function readMessages(
  request: PageRequest,
  method: JsonMethod,
  options: RequestMessagesOptions,
): () => void {
  const { held, limits, messageBytesMax, onMessage, onEnd, onRefusal } = options;
  let isOver = false;
  let heldBytes = 0;
  let refusal: Refusal | undefined;
  const refuse = (found: Refusal): Error => {
    refusal = found;
    return new JsonError(found.message);
  };
  const tooLong = (bytes: number) =>
    refuse({
      code: Status.RESOURCE_EXHAUSTED,
      message: `grpc: received message larger than max (${bytes} vs. ${messageBytesMax})`,
    });
  const hold = (bytes: number) => {
    held.bytes += bytes - heldBytes;
    heldBytes = bytes;
  };
  const close = () => {
    isOver = true;
    hold(0);
  };
  const values = new JsonValues({
    valueBytesMax: 2 * messageBytesMax + limits.valueExtraBytes,
    isOne: !method.takesStream,
    onValue: (text) => {
      if (isOver) return;
      const message = jsonToMessage(method.input, text);
      if (message.length > messageBytesMax) throw tooLong(message.length);
      onMessage(Buffer.from(message.buffer, message.byteOffset, message.length));
    },
    tooLong,
  });
  const guarded = (step: () => void) => {
    if (isOver) return;
    try {
      step();
      if (held.bytes > limits.heldBodyBytesMax) throw refuse(TOO_MANY_HELD);
    } catch (error) {
      close();
      onRefusal(refusal ?? refusalOf(error));
    }
  };
  request.on("data", (chunk: Buffer) =>
    guarded(() => {
      values.push(chunk);
      if (!isOver) hold(values.heldBytes);
    }),
  );
  request.on("end", () =>
    guarded(() => {
      values.end();
      close();
      onEnd();
    }),
  );
  // A connection that broke is told by the response.
  request.on("error", () => {});
  return close;
}

const TOO_MANY_HELD: Refusal = {
  code: Status.RESOURCE_EXHAUSTED,
  message: "too many bytes of unfinished requests",
};
