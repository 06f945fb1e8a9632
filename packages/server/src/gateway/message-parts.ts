import type { MessagePart } from "@kvorum/grpc";

export function lengthOfParts(parts: readonly MessagePart[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}

/** The message that stands in pieces, in one. */
export function bytesOfParts(parts: readonly MessagePart[]): Buffer {
  const bytes = Buffer.allocUnsafe(lengthOfParts(parts));
  let at = 0;
  for (const part of parts) {
    if (part instanceof Uint8Array) bytes.set(part, at);
    else part.copyNext(bytes, at, part.length);
    at += part.length;
  }
  return bytes;
}

/** A zero byte, then the length of the message in four. */
const PREFIX_BYTES = 5;

/** The messages that stand behind gRPC's prefixes in `framed[0, length)`; views of it. */
export function* messagesOfFrames(framed: Uint8Array, length: number): Iterable<Uint8Array> {
  const view = new DataView(framed.buffer, framed.byteOffset, length);
  for (let at = 0; at < length; ) {
    const end = at + PREFIX_BYTES + view.getUint32(at + 1);
    yield framed.subarray(at + PREFIX_BYTES, end);
    at = end;
  }
}
