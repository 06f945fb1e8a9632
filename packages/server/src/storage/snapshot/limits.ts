/** Operations of one commit while a snapshot is imported. Source: etcd's batch limit. */
export const IMPORT_COMMIT_OPS = 10_000;
/** The same in bytes of keys and values; two such commits are in memory at a time. */
export const IMPORT_COMMIT_BYTES = 4 * 1024 * 1024;
/**
 * Bytes of a snapshot that wait in memory for its receiver; more wait in a file. Source: a few turns
 * of the event loop at the pace of a scan.
 */
export const SNAPSHOT_AHEAD_BYTES = 8 * 1024 * 1024;
/**
 * Milliseconds that the making of a snapshot waits for its receiver altogether, before it uses the
 * file. Source: writing and reading the file costs more than a receiver on the same network is
 * slower than a scan; a view that is held for so long does no harm, etcd's is held to the end.
 */
export const SNAPSHOT_PATIENCE_MS = 5_000;
