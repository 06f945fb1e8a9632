/** Limits and periods of discovery. */
export const discoveryLimits = {
  /** Pause between two looks for further members; etcd watches instead. */
  memberPollMs: 500,
  /** A failed request is made again after 2 to this power seconds at most. Source: etcd v3discovery. */
  backoffExponentMax: 8,
  /** Source: etcd v3discovery nRetries. */
  retriesMax: 2 ** 32 - 1,
  /** A longer answer of the discovery service fails the request. */
  answerBytesMax: 4 * 1024 * 1024,
  /** How long host names in peer URLs are looked up. Source: etcd advertiseMatchesCluster. */
  nameLookupMs: 30_000,
  /** Pause between two such looks. Source: etcd netutil retryInterval. */
  nameLookupRetryMs: 1_000,
} as const;
