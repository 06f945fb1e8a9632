import { crc32c } from "@node-rs/crc32";
import { unmask } from "./masked-checksum.js";

const BLOCK_BYTES = 32_768;
const HEADER_BYTES = 7;

/**
 * The records of a log, up to the first fragment that is not whole; returns whether that is the end
 * of the log.
 *
 *     block of 32,768 bytes = fragments, then fewer than 7 zero bytes
 *     fragment = masked CRC-32C of type and data (4, LE) | length (2, LE) | type (1) | data
 *
 * Source: LevelDB, doc/log_format.md.
 */
export function* logRecords(log: Buffer): Generator<Buffer, boolean> {
  let parts: Buffer[] = [];
  for (let start = 0; start < log.length; start += BLOCK_BYTES) {
    const end = Math.min(start + BLOCK_BYTES, log.length);
    let at = start;
    while (at + HEADER_BYTES <= end) {
      const next = at + HEADER_BYTES + log.readUInt16LE(at + 4);
      const type = log[at + 6]!;
      if (next > end) return false;
      if (unmask(log.readUInt32LE(at)) !== crc32c(log.subarray(at + 6, next))) return false;
      parts.push(log.subarray(at + HEADER_BYTES, next));
      // 1 is a whole record, 4 the last part of one; 2 and 3 are the parts before it.
      if (type === 1 || type === 4) {
        yield parts.length === 1 ? parts[0]! : Buffer.concat(parts);
        parts = [];
      }
      at = next;
    }
    if (at < end && end < start + BLOCK_BYTES) return false;
  }
  return parts.length === 0;
}
