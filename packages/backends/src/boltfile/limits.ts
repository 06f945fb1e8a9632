/** Limits of the bolt file reader and writer, each with its unit and source. */

/** bbolt's `MaxKeySize`. */
export const KEY_BYTES_MAX = 32_768;
/** bbolt's `MaxValueSize`: 2^31 - 2. */
export const VALUE_BYTES_MAX = 2_147_483_646;
/** The smallest and largest page sizes that bbolt meets: a sector, and 64 KiB pages of ARM. */
export const PAGE_SIZE_MIN = 512;
export const PAGE_SIZE_MAX = 65_536;
/** The page size of a written file: what Linux on x86-64 uses. */
export const PAGE_SIZE_DEFAULT = 4_096;

/**
 * The most bytes of one page with its overflow. bbolt splits pages down to a few records, so a page
 * is little more than a record, and etcd's `--max-request-bytes` keeps those to a few MiB.
 */
export const PAGE_BYTES_MAX = 512 * 1024 * 1024;
/** Pages of one file, 4 TiB at 4 KiB each: readers keep one bit a page, 128 MiB at the most. */
export const PAGES_MAX = 2 ** 30;
/** Levels of one tree, root to leaf. Two keys a branch reach 2^64 pages within it. */
export const TREE_LEVELS_MAX = 64;
/** Top-level buckets of one file: etcd has ten. */
export const BUCKETS_MAX = 4_096;
/** Problems that a check lists before it stops: the first ones tell the story. */
export const PROBLEMS_MAX = 1_000;

/** One read of neighbouring pages. Measured: 256 KiB is near the full speed of the page cache. */
export const READ_WINDOW_BYTES = 256 * 1024;
/** Windows kept, 2 MiB in all: the one being parsed, those read ahead, and some to return to. */
export const READ_WINDOWS_MAX = 8;
/** Single pages kept, for files whose pages lie scattered. */
export const READ_SINGLES_MAX = 64;
/** Pages looked ahead among the siblings of a page, to hide the latency of scattered reads. */
export const READ_AHEAD_PAGES = 8;
/** So many wanted pages in one window make a window read cheaper than single reads. */
export const READ_WINDOW_WORTH_PAGES = 4;

/** Bounds of a `ScanBatch`, from the storage engine port. */
export const BATCH_RECORDS_MAX = 4_096;
export const BATCH_BYTES_MAX = 1024 * 1024;

/** One chunk of a written file, unless a single page is larger. */
export const CHUNK_BYTES_DEFAULT = 1024 * 1024;

/**
 * A file is written into a bounded number of pages only when these are at most so many times the
 * fewest that could do. What is left over is zeros; files of bbolt have more, in half-filled pages.
 */
export const BOUND_RATIO_MAX = 1.125;
/** Records of less than this are written by way of a second scan or a file, which costs nothing. */
export const BOUND_WORTH_BYTES = 16 * 1024 * 1024;
