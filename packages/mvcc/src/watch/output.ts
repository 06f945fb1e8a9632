/** `bytes[start, end)`, to be written into. */
export interface FrameSpace {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/**
 * Where a watch stream's encoded WatchResponses go: one gRPC call, one JSON stream, or a test.
 * The methods queue what they are given even when they return false, which asks the stream to wait
 * until its `drained` is called. None may call back into the stream before it returns, except to
 * close it.
 */
export interface WatchOutput {
  /** One response in several pieces. The bytes are shared with other streams: never change them. */
  write(parts: readonly Uint8Array[]): boolean;
  /**
   * Many responses at once: `bytes[0, length)` holds them back to back, each behind gRPC's message
   * prefix (a zero byte, then its length in four bytes, big-endian). The memory is borrowed until
   * the call returns. Without this method each response goes through `write`.
   */
  writeFramed?(bytes: Uint8Array, length: number, responses: number): boolean;
  /**
   * The same without a copy: room in the output's own memory, `bytesMin` at least, to be filled from
   * its start and handed back at once. undefined: the output takes nothing in this way now.
   */
  openFrame?(bytesMin: number): FrameSpace | undefined;
  /** Sends the first `length` bytes of what `openFrame` gave. */
  closeFrame?(length: number, responses: number): boolean;
}

/** Figures of the hub for the metrics page; changed by it, read by anyone. */
export interface WatchCounters {
  /** etcd_debugging_mvcc_watch_stream_total */
  streams: number;
  /** etcd_debugging_mvcc_watcher_total */
  watchers: number;
  /** etcd_debugging_mvcc_slow_watcher_total: those that must catch up. */
  slowWatchers: number;
  /** Events handed to outputs, counted for each watcher. */
  eventsSent: number;
  /** Bytes of responses with events handed to outputs. */
  bytesSent: number;
  /** etcd_debugging_mvcc_pending_events_total: events that wait in a stream's queue. */
  pendingEvents: number;
}
