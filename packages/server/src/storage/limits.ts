/** Size at which a segment is cut. Source: etcd's wal.SegmentSizeBytes (64 * 1000 * 1000). */
export const SEGMENT_BYTES = 64_000_000;

/**
 * How much of a new or reopened tail is filled with real zeros before it is used. The rest of the
 * first segment is a hole, whose blocks the file system allocates as they are written. Later
 * segments are filled whole, in the background. Source: measured; a batch of 140 kB takes 190 us on
 * zeros and 340 us on a hole, and filling 8 MiB about 10 ms, which a start may take.
 */
export const ZERO_AT_START_BYTES = 8 * 1024 * 1024;

/** Zeros are written in steps of this size, each synced, so that no large flush delays the log. */
export const ZERO_STEP_BYTES = 1024 * 1024;

/** The next segment is prepared once the tail has this share filled; idle members never pay. */
export const PREPARE_NEXT_AT_FILL = 0.25;

/** A batch buffer that grew beyond this is given back after its write. */
export const BATCH_BUFFER_KEPT_BYTES = 4 * 1024 * 1024;

/** First size of a batch buffer: some 400 entries of a small put. */
export const BATCH_BUFFER_START_BYTES = 256 * 1024;

/** Segments are read in pieces of this size; a longer record is read whole. */
export const READ_CHUNK_BYTES = 1024 * 1024;

/** The unit in which a torn write shows. Source: etcd's minSectorSize. */
export const SECTOR_BYTES = 512;

/**
 * Below this length the table in JavaScript is faster than the call into the native library
 * (180 ns a call, plus next to nothing a byte; the table takes 1 ns a byte).
 */
export const NATIVE_CRC_BYTES_MIN = 160;
