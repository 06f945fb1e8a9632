import { messageOf } from "@kvorum/base";
import { WireError } from "./wire-reader.js";

/** The part of a generated message type that reads it. */
export interface DecodableType<Message> {
  decode(bytes: Uint8Array): Message;
}

/**
 * Reads a message that came from outside by its generated decoder.
 * @throws WireError for bytes that are no such message, whatever the decoder throws
 */
export function decodeMessage<Message>(type: DecodableType<Message>, bytes: Uint8Array): Message {
  try {
    return type.decode(bytes);
  } catch (cause) {
    throw new WireError(messageOf(cause), { cause });
  }
}
