/** One key of the discovery service. */
export interface DiscoveryKeyValue {
  readonly key: string;
  readonly value: string;
  readonly createRevision: number;
}

/** What discovery asks of an etcd API elsewhere. Every method throws when it isn't answered in time. */
export interface DiscoveryKv {
  get(key: string): Promise<DiscoveryKeyValue | undefined>;
  /** All keys that begin with `prefix`. */
  list(prefix: string): Promise<readonly DiscoveryKeyValue[]>;
  put(key: string, value: string): Promise<void>;
  close(): void;
}
