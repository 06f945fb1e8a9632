import { CHECKSUM_BYTES, writeSealed } from "../common/record-checksum.js";
import type { SpareMemory } from "../common/spare-memory.js";
import type { Op } from "../port.js";
import type { Environment } from "./environment.js";
import { isLongKey, joinLong, storedKey } from "./key-codec.js";

/**
 * Hands a commit to lmdb-js as one atomic block; resolves when it is synced. All values with their
 * checksums stand in one piece of memory, which lmdb-js's thread reads until then.
 */
export async function writeOps(
  environment: Environment,
  ops: readonly Op[],
  spare: SpareMemory,
): Promise<void> {
  const { root, tables } = environment;
  let arenaBytes = 0;
  for (const { key, value } of ops) {
    if (value === undefined) continue;
    arenaBytes += value.length + CHECKSUM_BYTES + (isLongKey(key) ? 4 + key.length : 0);
  }
  const arena = spare.take(arenaBytes);
  let position = 0;
  await root.batch(() => {
    for (const { bucket, key, value } of ops) {
      const table = tables[bucket];
      if (value === undefined) {
        void table.remove(storedKey(key));
        continue;
      }
      const body = isLongKey(key) ? joinLong(key, value) : value;
      const end = writeSealed(arena, position, { bucket, key, value: body });
      void table.put(storedKey(key), arena.subarray(position, end));
      position = end;
    }
  });
  // Not after a failure: lmdb-js may still hold the address.
  spare.give(arena);
}
