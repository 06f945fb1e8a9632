export { assert, InvariantError, rethrowInvariant, unreachable, violated } from "./assert.js";
export {
  asBuffer,
  bigintToBytes,
  bytesToLatin1,
  compareBytes,
  equalBytes,
  hex16,
  hexId,
  latin1ToBytes,
  prefixEnd,
  utf8,
  utf8Text,
} from "./bytes.js";
export type { Clock, Timer } from "./clock.js";
export type { File, FileStat, FileSystem, OpenMode } from "./file-system.js";
export type {
  ClusterId,
  Flavor,
  LeaseId,
  LogIndex,
  MainRevision,
  MemberId,
  Term,
} from "./flavor.js";
export { goQuote, runeSize } from "./go-quote.js";
export { messageOf } from "./message-of.js";
export { createPrng, type Prng } from "./prng.js";
export { FREE_STEP_BYTES, type RemoveInStepsOptions, removeInSteps } from "./remove-in-steps.js";
export type { FileOperation } from "./sim/memory-file.js";
export {
  type Fault,
  MemoryFileSystem,
  type MemoryFileSystemOptions,
} from "./sim/memory-file-system.js";
export { type CrashMode, SECTOR_BYTES } from "./sim/memory-inode.js";
export { SimulatedClock } from "./sim/simulated-clock.js";
export {
  VARINT_BYTES_MAX,
  varintEnd,
  varintSize,
  varintSize64,
  varintValue,
  varintValue64,
  writeVarint,
  writeVarint64,
} from "./varint.js";
