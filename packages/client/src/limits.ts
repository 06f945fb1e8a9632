/** Limits and periods of the client; the sources are the defaults of etcd's clientv3. */
export const limits = {
  /** Attempts of one request that may have reached a server; clientv3's defaultUnaryMaxRetries. */
  attemptsMax: 100,
  /** Wait after every endpoint has failed once; clientv3's defaultBackoffWaitBetween. */
  retryWaitMs: 25,
  /** The wait doubles with each round up to this. */
  retryWaitMsMax: 250,
  /** How long a request without a deadline waits for a connection. */
  dialTimeoutMs: 2_000,
  /** clientv3's defaultClientMaxSendSize */
  sendBytesMax: 2 * 1024 ** 2,
  /** gRPC's floor for client pings; a server closes connections that ping more often. */
  keepaliveTimeMs: 10_000,
  /** etcdctl's --keepalive-timeout */
  keepaliveTimeoutMs: 6_000,
  /** First wait before a broken watch or keepalive stream is opened again; doubled each time. */
  reopenWaitMs: 50,
  reopenWaitMsMax: 3_000,
  /** Responses that one watcher may leave unread before it is taken off its stream. */
  watchQueueMax: 1_024,
  /** A keepalive is sent when a third of the TTL has gone by; clientv3's `TTL / 3`. */
  keepalivesPerTtl: 3,
  /** TTL of the lease of a lock or a candidate; clientv3's defaultSessionTTL. */
  sessionTtlSeconds: 60,
} as const;
