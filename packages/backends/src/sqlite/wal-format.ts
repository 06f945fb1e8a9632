/**
 * The journal is written from its start again when all of it is in the file; the salts then change.
 *
 *     journal = header (32) | frames: header (24) and a page
 *     header = magic (4) | version (4) | page size (4) | checkpoints (4) | salts (8) | checksum (8)
 *     frame header = page (4) | pages after commit, else 0 (4) | salts (8) | running checksum (8)
 *
 * All big-endian. Source: SQLite, "WAL-mode File Format".
 */
export const WAL_HEADER_BYTES = 32;
export const WAL_SALTS_AT = 16;
export const WAL_SALTS_BYTES = 8;
export const FRAME_HEADER_BYTES = 24;
export const FRAME_SALTS_AT = 8;
