/**
 * Every bound of the transport, with its unit in its name and its source beside it. A server may
 * override single values (`GrpcServerOptions.limits`); tests do, to reach a bound quickly.
 */
export interface TransportLimits {
  /** Largest frame payload accepted: SETTINGS_MAX_FRAME_SIZE, RFC 9113 6.5.2 (its initial value). */
  readonly receiveFrameBytesMax: number;
  /** Receive window of a stream, announced as SETTINGS_INITIAL_WINDOW_SIZE. */
  readonly streamWindowBytes: number;
  /** Receive window of a connection, raised from 65,535 by the first WINDOW_UPDATE. */
  readonly connectionWindowBytes: number;
  /** HPACK table offered to the client: SETTINGS_HEADER_TABLE_SIZE, RFC 9113 6.5.2 (initial value). */
  readonly headerTableBytes: number;
  /** Decoded header list, counted as RFC 9113 6.5.2 says (name + value + 32); announced. */
  readonly headerListBytesMax: number;
  /** Compressed header block over all its CONTINUATION frames; CVE-2024-27316 and its family. */
  readonly headerBlockBytesMax: number;
  /** CONTINUATION frames of one header block; CVE-2024-27316 and its family. */
  readonly continuationFramesMax: number;
  /** Header blocks remembered by one connection. */
  readonly headerCacheEntries: number;
  /** Longest header block worth remembering. */
  readonly headerCacheBlockBytesMax: number;
  /** Open streams of a connection, whatever number was announced; more are REFUSED_STREAM. */
  readonly openStreamsMax: number;
  /** Received bytes of unfinished or undelivered messages, a connection; more fails the call. */
  readonly heldReceiveBytesMax: number;
  /** Reply bytes queued for one connection above which new streams are REFUSED_STREAM. */
  readonly queuedReplySoftBytesMax: number;
  /** Reply bytes queued for one connection above which it is closed: a reader that stands still. */
  readonly queuedReplyHardBytesMax: number;
  /** Streams a client resets before their answer: burst and refill. CVE-2023-44487, CVE-2025-8671. */
  readonly resetBurst: number;
  readonly resetsPerSecond: number;
  /** SETTINGS frames: burst and refill. CVE-2019-9515. */
  readonly settingsBurst: number;
  readonly settingsPerSecond: number;
  /** Frames that move nothing (empty DATA, PRIORITY, unknown types...): CVE-2019-9518, -9513. */
  readonly idleFrameBurst: number;
  readonly idleFramesPerSecond: number;
  /** A WINDOW_UPDATE below this counts as one that moves nothing: CVE-2019-9511 (data dribble). */
  readonly tinyWindowUpdateBytes: number;
  /**
   * Replies outside flow control (acknowledgements, resets, trailers) that wait for a client which
   * does not read, above which it is closed: CVE-2019-9512, -9514, -9515.
   */
  readonly unreadReplyBytesMax: number;
  /** Pings beyond the keepalive policy before GOAWAY: grpc-go's maxPingStrikes. */
  readonly pingStrikesMax: number;
  /** Without a stream, pings closer than this are strikes: grpc-go's defaultPingTimeout, 2 h. */
  readonly idlePingIntervalMs: number;
  /** From the accepted socket to the preface and the first SETTINGS. */
  readonly handshakeTimeoutMs: number;
  /** From our SETTINGS to their acknowledgement: SETTINGS_TIMEOUT, RFC 9113 6.5.3. */
  readonly settingsAckTimeoutMs: number;
  /** How long a connection that was told to go away may take to read its last bytes. */
  readonly lingerMs: number;
  /** How long `drain` waits for the PING that proves the first GOAWAY arrived (RFC 9113 6.8). */
  readonly drainPingTimeoutMs: number;
  /** Width of one slot of the deadline wheel. */
  readonly deadlineSlotMs: number;
  /** Replies up to this size are copied into the pooled output; larger ones go by reference. */
  readonly copyReplyBytesMax: number;
  /** Size of one pooled output chunk. */
  readonly outputChunkBytes: number;
  /** Output handed to the socket at one time before the queues wait for the next turn. */
  readonly outputHighBytes: number;
  /**
   * Queued bytes written in one turn, over all connections, so that calls are answered in between:
   * some 2 ms of copying and system calls. What one connection hands to its socket at one time may
   * come on top. A smaller share makes a list of a megabyte wait for many busy turns of the others.
   */
  readonly turnBytesMax: number;
  /** A stream with this much queued asks its sender to wait; half of it is low enough to go on. */
  readonly streamHighBytes: number;
  /** Body of one HTTP/2 request that is not gRPC. */
  readonly requestBodyBytesMax: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;

export const defaultLimits: TransportLimits = {
  receiveFrameBytesMax: 16 * KIB,
  streamWindowBytes: MIB,
  connectionWindowBytes: 16 * MIB,
  headerTableBytes: 4 * KIB,
  headerListBytesMax: 64 * KIB,
  headerBlockBytesMax: 64 * KIB,
  continuationFramesMax: 32,
  headerCacheEntries: 64,
  headerCacheBlockBytesMax: KIB,
  openStreamsMax: 65_536,
  heldReceiveBytesMax: 256 * MIB,
  queuedReplySoftBytesMax: 256 * MIB,
  queuedReplyHardBytesMax: 1024 * MIB,
  resetBurst: 20_000,
  resetsPerSecond: 2_000,
  settingsBurst: 100,
  settingsPerSecond: 10,
  idleFrameBurst: 10_000,
  idleFramesPerSecond: 1_000,
  tinyWindowUpdateBytes: 32,
  unreadReplyBytesMax: 4 * MIB,
  pingStrikesMax: 2,
  idlePingIntervalMs: 2 * 60 * 60 * 1000,
  handshakeTimeoutMs: 20_000,
  settingsAckTimeoutMs: 30_000,
  lingerMs: 1_000,
  drainPingTimeoutMs: 1_000,
  deadlineSlotMs: 10,
  copyReplyBytesMax: 8 * KIB,
  outputChunkBytes: 64 * KIB,
  outputHighBytes: 512 * KIB,
  turnBytesMax: 4 * MIB,
  streamHighBytes: 64 * KIB,
  requestBodyBytesMax: 16 * MIB,
};
