/** Operations of one commit while a snapshot is imported. Source: etcd's batch limit. */
export const IMPORT_COMMIT_OPS = 10_000;
/** The same in bytes of keys and values; two such commits are in memory at a time. */
export const IMPORT_COMMIT_BYTES = 4 * 1024 * 1024;
/**
 * Bytes of a snapshot that wait in memory for its receiver; more wait in a file. Source: a few turns
 * of the event loop at the pace of a scan.
 */
export const SNAPSHOT_AHEAD_BYTES = 8 * 1024 * 1024;
