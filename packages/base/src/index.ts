export { assert, InvariantError, unreachable } from "./assert.js";
export {
  asBuffer,
  bigintToBytes,
  bytesToLatin1,
  compareBytes,
  equalBytes,
  hexId,
  latin1ToBytes,
  prefixEnd,
  utf8,
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
export { createPrng, type Prng } from "./prng.js";
