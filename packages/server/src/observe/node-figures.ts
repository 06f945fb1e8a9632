import type { MetricFamily, MetricType } from "./metric-family.js";

/**
 * The single numbers of the metrics page. The host fills them in from its parts' own counters when
 * the page is fetched; a figure left out has no line. Counters count from the process's start.
 */
export type NodeFigures = Partial<Record<FigureName, number>>;

type Row<Name extends string> = readonly [Name, MetricType, string, string];

function row<Name extends string>(
  name: Name,
  type: MetricType,
  metric: string,
  help: string,
): Row<Name> {
  return [name, type, metric, help];
}

// biome-ignore format: a table reads best as rows.
const table = [
  row("authRevision", "gauge", "etcd_debugging_auth_revision", "Revision of the auth store."),
  row("leasesGranted", "counter", "etcd_debugging_lease_granted_total", "Leases granted."),
  row("leasesRenewed", "counter", "etcd_debugging_lease_renewed_total", "Leases renewed; only the leader renews."),
  row("leasesRevoked", "counter", "etcd_debugging_lease_revoked_total", "Leases revoked."),
  row("leasesExpired", "counter", "etcd_debugging_server_lease_expired_total", "Leases expired."),
  row("compactRevision", "gauge", "etcd_debugging_mvcc_compact_revision", "Revision of the last compaction."),
  row("currentRevision", "gauge", "etcd_debugging_mvcc_current_revision", "Current revision of the store."),
  row("compactedKeys", "counter", "etcd_debugging_mvcc_db_compaction_keys_total", "Records removed by compactions."),
  row("lastCompactionSeconds", "gauge", "etcd_debugging_mvcc_db_compaction_last", "Time of the last compaction, seconds since the epoch; 0 before the first."),
  row("events", "counter", "etcd_debugging_mvcc_events_total", "Events sent to watchers by this member."),
  row("keys", "gauge", "etcd_debugging_mvcc_keys_total", "Keys in the store."),
  row("pendingEvents", "gauge", "etcd_debugging_mvcc_pending_events_total", "Events that wait to be sent."),
  row("slowWatchers", "gauge", "etcd_debugging_mvcc_slow_watcher_total", "Watchers that must catch up."),
  row("putBytes", "gauge", "etcd_debugging_mvcc_total_put_size_in_bytes", "Bytes of keys and values put."),
  row("watchStreams", "gauge", "etcd_debugging_mvcc_watch_stream_total", "Watch streams."),
  row("watchers", "gauge", "etcd_debugging_mvcc_watcher_total", "Watchers."),
  row("defragsInflight", "gauge", "etcd_disk_defrag_inflight", "1 while a defragmentation runs."),
  row("walWriteBytes", "gauge", "etcd_disk_wal_write_bytes_total", "Bytes written to the write-ahead log."),
  row("dbSizeBytes", "gauge", "etcd_mvcc_db_total_size_in_bytes", "Size of the engine's files in bytes."),
  row("dbSizeInUseBytes", "gauge", "etcd_mvcc_db_total_size_in_use_in_bytes", "Bytes of these in use."),
  row("deletes", "counter", "etcd_mvcc_delete_total", "Deletes seen by this member."),
  row("puts", "counter", "etcd_mvcc_put_total", "Puts seen by this member."),
  row("ranges", "counter", "etcd_mvcc_range_total", "Ranges seen by this member."),
  row("txns", "counter", "etcd_mvcc_txn_total", "Transactions of more than one operation."),
  row("clientReceivedBytes", "counter", "etcd_network_client_grpc_received_bytes_total", "Bytes received from gRPC clients."),
  row("clientSentBytes", "counter", "etcd_network_client_grpc_sent_bytes_total", "Bytes sent to gRPC clients."),
  row("hasLeader", "gauge", "etcd_server_has_leader", "1 when a leader is known."),
  row("isLeader", "gauge", "etcd_server_is_leader", "1 when this member leads."),
  row("isLearner", "gauge", "etcd_server_is_learner", "1 when this member is a learner."),
  row("leaderChanges", "counter", "etcd_server_leader_changes_seen_total", "Changes of the leader seen."),
  row("heartbeatSendFailures", "counter", "etcd_server_heartbeat_send_failures_total", "Heartbeats sent late, for example for a slow disk."),
  row("learnerPromotions", "counter", "etcd_server_learner_promote_successes", "Learners promoted while this member led."),
  row("proposalsApplied", "gauge", "etcd_server_proposals_applied_total", "Index of the last applied entry."),
  row("proposalsCommitted", "gauge", "etcd_server_proposals_committed_total", "Index of the last committed entry."),
  row("proposalsFailed", "counter", "etcd_server_proposals_failed_total", "Proposals that failed."),
  row("proposalsPending", "gauge", "etcd_server_proposals_pending", "Proposals that wait to be applied."),
  row("quotaBytes", "gauge", "etcd_server_quota_backend_bytes", "Quota of the store in bytes."),
  row("readIndexesFailed", "counter", "etcd_server_read_indexes_failed_total", "Read index rounds that failed."),
  row("readIndexesSlow", "counter", "etcd_server_slow_read_indexes_total", "Read index rounds that had to be repeated."),
  row("slowApplies", "counter", "etcd_server_slow_apply_total", "Entries that were slow to apply."),
  row("snapshotApplies", "gauge", "etcd_server_snapshot_apply_in_progress_total", "1 while a snapshot from the leader is being applied."),
] as const;

export type FigureName = (typeof table)[number][0];

/** One family for each figure; `read` is called once for each fetched page, before the samples. */
export function figureFamilies(current: () => NodeFigures): MetricFamily[] {
  return table.map(([name, type, metric, help]) => ({
    name: metric,
    help,
    type,
    samples: () => {
      const value = current()[name];
      return value === undefined ? [] : [{ labels: {}, value }];
    },
  }));
}
