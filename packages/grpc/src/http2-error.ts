/** HTTP/2 error codes, RFC 9113 section 7. */
export const ErrorCode = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  CONNECT_ERROR: 0xa,
  ENHANCE_YOUR_CALM: 0xb,
  INADEQUATE_SECURITY: 0xc,
  HTTP_1_1_REQUIRED: 0xd,
} as const;

export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/**
 * The package's one error class: the far end broke the protocol or a limit, and its connection ends
 * with GOAWAY `errorCode`. An error of one stream alone is never thrown, it resets the stream.
 */
export class Http2Error extends Error {
  override readonly name = "Http2Error";
  readonly errorCode: ErrorCode;

  constructor(errorCode: ErrorCode, reason: string) {
    super(reason);
    this.errorCode = errorCode;
  }
}

export function protocolError(reason: string): Http2Error {
  return new Http2Error(ErrorCode.PROTOCOL_ERROR, reason);
}
