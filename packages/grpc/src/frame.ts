/**
 * The frame, RFC 9113 4.1:
 *
 *     +-----------------+--------+---------+-----------------------+---------- - -
 *     | length (24 bit) |  type  |  flags  | 0 | stream id (31 bit)|  payload
 *     +-----------------+--------+---------+-----------------------+---------- - -
 */
export const FRAME_HEADER_BYTES = 9;

/** Frame types, RFC 9113 section 6. */
export const FrameType = {
  DATA: 0x0,
  HEADERS: 0x1,
  PRIORITY: 0x2,
  RST_STREAM: 0x3,
  SETTINGS: 0x4,
  PUSH_PROMISE: 0x5,
  PING: 0x6,
  GOAWAY: 0x7,
  WINDOW_UPDATE: 0x8,
  CONTINUATION: 0x9,
} as const;

/** Frame flags, RFC 9113 section 6. ACK and END_STREAM share a bit on different types. */
export const Flag = {
  NONE: 0x0,
  ACK: 0x1,
  END_STREAM: 0x1,
  END_HEADERS: 0x4,
  PADDED: 0x8,
  PRIORITY: 0x20,
} as const;

/** Settings, RFC 9113 6.5.2. */
export const Setting = {
  HEADER_TABLE_SIZE: 0x1,
  ENABLE_PUSH: 0x2,
  MAX_CONCURRENT_STREAMS: 0x3,
  INITIAL_WINDOW_SIZE: 0x4,
  MAX_FRAME_SIZE: 0x5,
  MAX_HEADER_LIST_SIZE: 0x6,
} as const;

/** What a client sends first, RFC 9113 3.4. */
export const CLIENT_PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** Windows before any SETTINGS or WINDOW_UPDATE, RFC 9113 6.9.2. */
export const INITIAL_WINDOW_BYTES = 65_535;
/** The largest window, RFC 9113 6.9.1. */
export const WINDOW_BYTES_MAX = 0x7fff_ffff;
/** Bounds of SETTINGS_MAX_FRAME_SIZE, RFC 9113 6.5.2. */
export const FRAME_BYTES_MIN = 16_384;
export const FRAME_BYTES_MAX = 16_777_215;
/** The largest stream id. */
export const STREAM_ID_MAX = 0x7fff_ffff;
