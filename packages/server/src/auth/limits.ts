export const authLimits = {
  /** Life of a simple token after its last use. Source: etcd --auth-token-ttl. */
  tokenTtlSeconds: 300,
  /** Letters before the dot of a simple token. Source: etcd defaultSimpleTokenLength. */
  tokenPrefixLetters: 16,
  /** Verified JWTs that are remembered, so that their signatures are not checked at each call. */
  jwtsRememberedMax: 10_000,
  /** Time between two looks whether the entry that made a token is applied here. */
  appliedIndexPollMs: 10,
  /**
   * Passwords that are hashed or compared at once. They work on the threads that also write the log,
   * of which there are four.
   */
  passwordsAtOnceMax: 2,
  /** Calls that wait for their turn at a password; one more is refused as "too many requests". */
  passwordsWaitingMax: 1_000,
  /** Source: golang.org/x/crypto/bcrypt. */
  passwordBytesMax: 72,
  /** Source: golang.org/x/crypto/bcrypt DefaultCost; etcd --bcrypt-cost. */
  bcryptCost: 10,
  /** A longer name fits no engine's key; etcd ends at one. Source: bbolt MaxKeySize. */
  nameBytesMax: 32_768,
} as const;
