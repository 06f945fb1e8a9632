/** The longest key of any bucket. Source: bbolt's MaxKeySize, which etcd's backend has. */
export const KEY_BYTES_MAX = 32_768;

/** The most records of one scan batch. Source: the port; it bounds the time between two yields. */
export const SCAN_BATCH_RECORDS_MAX = 4_096;

/** A scan batch ends with the record that reaches this. Source: the port. */
export const SCAN_BATCH_BYTES_MAX = 1 << 20;

/**
 * LMDB stores keys up to here as they are and longer ones under a hash. Source: LMDB's own limit of
 * 1,978 bytes, less the hash, rounded down.
 */
export const LMDB_INLINE_KEY_BYTES_MAX = 1_024;

/**
 * The map that an LMDB store begins with: address space, not memory. When a store outgrows its map,
 * lmdb-js makes one of twice the size and keeps the old one until the store is closed, with all
 * pages that were read through it. Source: twice the largest quota that etcd recommends.
 */
export const LMDB_MAP_BYTES = 2 ** 34;

/**
 * Bytes of records that one step of LMDB's defragmentation copies, or a little more: about two
 * milliseconds of processor time. Source: measured on two cores with 1,000 puts a second. While a
 * step of 2 MiB ran, some ten milliseconds, the slowest quarter of puts took a millisecond longer
 * than before, because a thread that wakes up waits for one that computes; with these it did not.
 */
export const LMDB_COPY_STEP_BYTES = 256 << 10;

/** Bytes copied by such steps between two syncs of the copy: what the disk is given at a time. */
export const LMDB_COPY_SYNC_BYTES = 2 << 20;

/** The rest after each step, as a multiple of the time that it and its sync, if any, took. */
export const LMDB_REST_RATIO = 2;

/**
 * Bytes committed between two measurements of LevelDB's directory. Source: its default file size.
 */
export const LEVELDB_MEASURE_BYTES = 2 << 20;

/**
 * Bytes in LevelDB's memory that make it begin a new table. Two such buffers exist at times, each
 * larger by a commit of 3 MB, and the C library keeps some for every thread that ever filled one: at
 * LevelDB's own 4 MiB a store takes some 10 MB more for the same processor time. Source: measured.
 */
export const LEVELDB_WRITE_BUFFER_BYTES = 2 << 20;

/**
 * Bytes of the store that LevelDB compacts in one step of a defragmentation: up to half a second,
 * which closing the store waits for.
 */
export const LEVELDB_DEFRAGMENT_PART_BYTES = 32 << 20;

/** The rest after each such step, as a multiple of the time that it took. */
export const LEVELDB_DEFRAGMENT_REST_RATIO = 2;

/**
 * The most records of one read of a LevelDB scan, and the bytes with whose record it ends. Each
 * record comes as two objects with memory of their own, so large reads mean much garbage at a time:
 * 4,096 records take 50 MB more at the peak and are no faster. Source: measured.
 */
export const LEVELDB_READ_RECORDS_MAX = 512;
export const LEVELDB_READ_BYTES_MAX = 256 << 10;

/**
 * Pages that one step of SQLite's defragmentation gives back: 2 MiB at 4 KiB a page, a few
 * milliseconds, so that a commit never waits long behind it.
 */
export const SQLITE_VACUUM_STEP_PAGES = 512;

/** Time without a commit after which SQLite's journal, some 8 MB under load, is emptied. */
export const SQLITE_REST_MS = 1_000;

/** Memory of one SQLite connection for pages, in KiB. The operating system caches the rest. */
export const SQLITE_CACHE_KIB = 16_384;

/** Memory that a store keeps between commits. Source: 10,000 records of 300 bytes are 3 MB. */
export const SPARE_MEMORY_BYTES_MAX = 8 << 20;

/**
 * The part of a SQLite file that is read through a memory map: address space, not memory. Pages are
 * then not copied into the connection's cache, which every commit of the worker empties.
 */
export const SQLITE_MMAP_BYTES = 1 << 30;

/** Scan batches that a scanning thread makes ahead of its reader: 3 MiB at most batch sizes. */
export const SCAN_AHEAD_BATCHES = 3;

/**
 * The largest manifest of LevelDB that is read for a view: it grows with every compaction until the
 * store is opened again. Source: about a day of compactions, read in some milliseconds.
 */
export const LEVELDB_MANIFEST_BYTES_MAX = 8 << 20;

/**
 * Tables of a LevelDB store that are kept open to be verified after the start; a store of more is
 * verified before. Source: half of what a process may usually open; 512 tables are 1 GiB.
 */
export const LEVELDB_VERIFY_TABLES_MAX = 512;
