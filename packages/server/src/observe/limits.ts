/** Limits of logging and metrics. */
export const observeLimits = {
  /** Equal log lines of one second written before thinning (zap's Sampling.Initial in etcd). */
  sampleFirst: 100,
  /** After those, one in so many (zap's Sampling.Thereafter in etcd). */
  sampleThereafter: 100,
  /** Different messages the sampler remembers. Own choice. */
  sampledMessagesMax: 1024,
  /** How long a line waits for a stalled reader of the log, before it is lost. Own choice. */
  stalledReaderWaitMsMax: 50,
  /** Labels of one family in the metrics, as whoever reaches the peer port names himself. Own choice. */
  labelsPerFamilyMax: 1_000,
} as const;
