export type AlarmName = "NOSPACE" | "CORRUPT" | "UNKNOWN";

/** What the HTTP pages ask of the node. */
export interface NodeHealth {
  /** Every alarm raised in the cluster; a kind stands once for each member that raised it. */
  alarms(): readonly AlarmName[];
  /** Whether a leader is known. */
  hasLeader(): boolean;
  isLearner(): boolean;
  /** Reads something from the local store. @throws an error whose message is shown */
  serializableRead(): Promise<void>;
  /** Reads through the cluster. @throws an error whose message is shown, also on the time-out */
  linearizableRead(timeoutMs: number): Promise<void>;
  versions(): NodeVersions;
  /** The metrics page in Prometheus' text format. */
  metricsText(): Promise<string>;
  /**
   * The variables of /debug/vars, by name, as values for JSON: "cmdline", "memstats",
   * "file_descriptor_limit", "raft.status". See `processDebugVars` for all but the last.
   */
  debugVars(): Readonly<Record<string, unknown>>;
}

export interface NodeVersions {
  /** "3.7.1" */
  readonly server: string;
  /** "3.7.0"; undefined while the cluster has not decided. */
  readonly cluster: string | undefined;
  /** "3.7.0"; undefined while the store has none. */
  readonly storage: string | undefined;
}
