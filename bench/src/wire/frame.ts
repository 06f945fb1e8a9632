/**
 * The layout of an HTTP/2 frame, RFC 9113 section 4.1:
 *
 *     +--------------+--------+---------+----------------------+
 *     | length (24)  | type 8 | flags 8 | 0 (1) stream id (31) |  then `length` bytes
 *     +--------------+--------+---------+----------------------+
 */
export const FRAME_HEADER_BYTES = 9;

/** RFC 9113 section 6. */
export const FrameType = {
  DATA: 0,
  HEADERS: 1,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

export const Flag = { END_STREAM: 0x1, ACK: 0x1, END_HEADERS: 0x4, PADDED: 0x8, PRIORITY: 0x20 };

/** RFC 9113 section 6.5.2. */
export const Setting = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
} as const;

/** What a client sends first, RFC 9113 section 3.4. */
export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** The window and frame size that hold until SETTINGS say otherwise, RFC 9113 section 6.5.2. */
export const INITIAL_WINDOW_BYTES = 65_535;
export const INITIAL_FRAME_BYTES_MAX = 16_384;

export interface FrameHeader {
  readonly length: number;
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
}

/** Writes a frame header at `at`; returns the offset behind it. */
function writeFrameHeader(into: Buffer, at: number, header: FrameHeader): number {
  putFrameHeader(into, at, header.length, (header.type << 8) | header.flags, header.streamId);
  return at + FRAME_HEADER_BYTES;
}

/**
 * The same without an object, for the path of every request. @param kind type and flags, 16 bits
 */
export function putFrameHeader(
  into: Buffer,
  at: number,
  length: number,
  kind: number,
  streamId: number,
): void {
  into[at] = length >>> 16;
  into[at + 1] = length >>> 8;
  into[at + 2] = length;
  into[at + 3] = kind >>> 8;
  into[at + 4] = kind;
  into[at + 5] = streamId >>> 24;
  into[at + 6] = streamId >>> 16;
  into[at + 7] = streamId >>> 8;
  into[at + 8] = streamId;
}

/** A whole frame of its own; for the rare ones. */
export function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(FRAME_HEADER_BYTES);
  writeFrameHeader(head, 0, { length: payload.length, type, flags, streamId });
  return Buffer.concat([head, payload]);
}

/** A SETTINGS payload of the pairs, in their order. */
export function settingsPayload(pairs: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(pairs.length * 6);
  pairs.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, i * 6);
    payload.writeUInt32BE(value, i * 6 + 2);
  });
  return payload;
}

/** A payload of one 32-bit number: WINDOW_UPDATE and RST_STREAM. */
export function uint32(value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(value);
  return payload;
}
