/** Operations of one commit while a snapshot is imported. Source: etcd's batch limit. */
export const IMPORT_COMMIT_OPS = 10_000;
/** The same in bytes of keys and values; two such commits are in memory at a time. */
export const IMPORT_COMMIT_BYTES = 4 * 1024 * 1024;
