/** Bounds of the watch hub. "etcd" names a constant of its source; the rest are this hub's own. */
export const watchLimits = {
  /** Watchers served in one turn of a catch-up. etcd: maxWatchersPerSync */
  watchersPerRoundMax: 512,
  /** Revisions of one catch-up response, and of one history read. etcd: watchBatchMaxRevs */
  revisionsPerBatchMax: 1_000,
  /** Wait before a failed history read is tried again. etcd: watchResyncPeriod */
  resyncPeriodMs: 100,
  /** A catch-up response ends at the first revision past this, so that one reply stays bounded. */
  catchUpResponseBytesMax: 1 << 20,
  /** What a history read should hold at most; the next one asks for fewer revisions. */
  historyBytesTarget: 8 << 20,
  /**
   * Deliveries that a blocked stream may keep before its watchers fall behind: one for each revision
   * and length of ids. etcd keeps 128 responses (chanBufLen) for each watcher; these are shared.
   */
  deliveriesMax: 1_024,
  /** Event bytes that a blocked stream may keep; shared ones are counted in full. */
  deliveryBytesMax: 1 << 20,
  /** Recent revisions kept for watchers that fall behind for a moment. */
  recentRevisionsMax: 4_096,
  /** Their KeyValue bytes. */
  recentBytesMax: 4 << 20,
  /** Responses are handed to the transport in chunks of at most this. */
  chunkBytes: 64 * 1024,
  /** Above this a response's events are handed over as they are, not copied for each watcher. */
  copiedBodyBytesMax: 8 * 1024,
  /**
   * Bytes of responses after which a turn ends, so that calls are read and answered in between: a
   * fraction of a millisecond. What one output takes at a time may come on top.
   */
  turnBytesMax: 512 * 1024,
  /** Responses of one revision to one stream that are kept for the next stream with the same ids. */
  repeatedBytesMax: 8 * 1024,
  /** Memory for those that are kept, of a hub with such streams; half a processor's second cache. */
  repeatRingBytes: 512 * 1024,
  /** How many of those are kept. */
  repeatsMax: 2_048,
  /** Streams with other ids, and lengths of ids, after which a revision is not kept again. */
  repeatsOfBatchMax: 8,
} as const;
