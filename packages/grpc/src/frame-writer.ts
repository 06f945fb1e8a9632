import { Flag, FRAME_HEADER_BYTES, FrameType } from "./frame.js";
import type { ErrorCode } from "./http2-error.js";
import type { Output } from "./output.js";

/** Appends the frames that are not part of a reply, and the header of any frame. */

/** Writes a frame header; the caller appends `length` bytes of payload next. */
export function writeFrameHeader(
  output: Output,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): void {
  output.reserve(FRAME_HEADER_BYTES);
  const { bytes, offset } = output;
  bytes[offset] = length >>> 16;
  bytes[offset + 1] = length >>> 8;
  bytes[offset + 2] = length;
  bytes[offset + 3] = type;
  bytes[offset + 4] = flags;
  bytes[offset + 5] = streamId >>> 24;
  bytes[offset + 6] = streamId >>> 16;
  bytes[offset + 7] = streamId >>> 8;
  bytes[offset + 8] = streamId;
  output.offset = offset + FRAME_HEADER_BYTES;
}

export function writeSettings(
  output: Output,
  settings: readonly (readonly [id: number, value: number])[],
): void {
  writeFrameHeader(output, settings.length * 6, FrameType.SETTINGS, Flag.NONE, 0);
  for (const [id, value] of settings) {
    output.reserve(6);
    output.offset = output.bytes.writeUInt16BE(id, output.offset);
    output.offset = output.bytes.writeUInt32BE(value, output.offset);
  }
}

export function writeSettingsAck(output: Output): void {
  writeFrameHeader(output, 0, FrameType.SETTINGS, Flag.ACK, 0);
}

/** `data` is 8 bytes. */
export function writePing(output: Output, data: Uint8Array, flags: number): void {
  writeFrameHeader(output, 8, FrameType.PING, flags, 0);
  output.appendCopy(data, 0, 8);
}

export function writeResetStream(output: Output, streamId: number, errorCode: ErrorCode): void {
  writeFrameHeader(output, 4, FrameType.RST_STREAM, Flag.NONE, streamId);
  writeUInt32(output, errorCode);
}

/** `streamId` 0 means the connection. */
export function writeWindowUpdate(output: Output, streamId: number, incrementBytes: number): void {
  writeFrameHeader(output, 4, FrameType.WINDOW_UPDATE, Flag.NONE, streamId);
  writeUInt32(output, incrementBytes);
}

interface GoAway {
  readonly lastStreamId: number;
  readonly errorCode: ErrorCode;
  /** Debug data, which Go clients print and partly match on. */
  readonly reason: string;
}

export function writeGoAway(output: Output, goAway: GoAway): void {
  const reason = Buffer.from(goAway.reason, "utf8");
  writeFrameHeader(output, 8 + reason.length, FrameType.GOAWAY, Flag.NONE, 0);
  writeUInt32(output, goAway.lastStreamId);
  writeUInt32(output, goAway.errorCode);
  output.appendCopy(reason, 0, reason.length);
}

function writeUInt32(output: Output, value: number): void {
  output.reserve(4);
  output.offset = output.bytes.writeUInt32BE(value, output.offset);
}
