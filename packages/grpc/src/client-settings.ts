import { FRAME_BYTES_MAX, FRAME_BYTES_MIN, Setting, WINDOW_BYTES_MAX } from "./frame.js";
import { ErrorCode, Http2Error, protocolError } from "./http2-error.js";

/** What a client's SETTINGS frame says that matters to a server that never pushes. */
export interface ClientSettings {
  initialWindow: number | undefined;
  frameBytesMax: number | undefined;
  /** The smallest value in the frame: the table must have shrunk to it once, RFC 7541 4.2. */
  headerTableBytesMin: number | undefined;
}

/** Reads and checks the payload of a SETTINGS frame; of a repeated setting the last value counts. */
export function readSettings(payload: Buffer): ClientSettings {
  if (payload.length % 6 !== 0) {
    throw new Http2Error(ErrorCode.FRAME_SIZE_ERROR, `SETTINGS of ${payload.length} bytes`);
  }
  const settings: ClientSettings = {
    initialWindow: undefined,
    frameBytesMax: undefined,
    headerTableBytesMin: undefined,
  };
  for (let offset = 0; offset < payload.length; offset += 6) {
    readSetting(settings, payload.readUInt16BE(offset), payload.readUInt32BE(offset + 2));
  }
  return settings;
}

function readSetting(settings: ClientSettings, id: number, value: number): void {
  switch (id) {
    case Setting.ENABLE_PUSH:
      if (value > 1) throw protocolError(`ENABLE_PUSH ${value}`);
      return;
    case Setting.INITIAL_WINDOW_SIZE:
      if (value > WINDOW_BYTES_MAX) {
        throw new Http2Error(ErrorCode.FLOW_CONTROL_ERROR, `INITIAL_WINDOW_SIZE ${value}`);
      }
      settings.initialWindow = value;
      return;
    case Setting.MAX_FRAME_SIZE:
      if (value < FRAME_BYTES_MIN || value > FRAME_BYTES_MAX) {
        throw protocolError(`MAX_FRAME_SIZE ${value}`);
      }
      settings.frameBytesMax = value;
      return;
    case Setting.HEADER_TABLE_SIZE:
      settings.headerTableBytesMin = Math.min(
        value,
        settings.headerTableBytesMin ?? Number.POSITIVE_INFINITY,
      );
      return;
    default:
    // Unknown settings are ignored, RFC 9113 6.5.2; so are those that bind pushes only.
  }
}
