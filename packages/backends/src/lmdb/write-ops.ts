import { CHECKSUM_BYTES, writeSealed } from "../common/record-checksum.js";
import { yieldToEvents } from "../common/scan-batch.js";
import type { SpareMemory } from "../common/spare-memory.js";
import type { Op } from "../port.js";
import type { Environment } from "./environment.js";
import { isLongKey, joinLong, storedKey } from "./key-codec.js";

/** Operations whose checksums are made before the event loop gets its turn: about a millisecond. */
const OPS_PER_TURN = 2_048;

/**
 * All values of a commit with their checksums in one piece of memory, in the order of the
 * operations. The longest part of the work of this thread, so it is done in turns.
 */
export async function sealValues(ops: readonly Op[], spare: SpareMemory): Promise<Buffer> {
  let bytes = 0;
  for (let i = 0; i < ops.length; i++) {
    const { key, value } = ops[i]!;
    if (value !== undefined) bytes += sealedLength(key, value);
  }
  const arena = spare.take(bytes);
  let position = 0;
  for (let i = 0; i < ops.length; i++) {
    if (i % OPS_PER_TURN === OPS_PER_TURN - 1) await yieldToEvents();
    const { bucket, key, value } = ops[i]!;
    if (value === undefined) continue;
    const body = isLongKey(key) ? joinLong(key, value) : value;
    position = writeSealed(arena, position, { bucket, key, value: body });
  }
  return arena;
}

/**
 * Hands a commit to lmdb-js as one atomic block; resolves when it is synced. Until then lmdb-js's
 * thread reads from `arena`.
 */
export async function writeOps(
  { root, tables }: Environment,
  ops: readonly Op[],
  arena: Buffer,
): Promise<void> {
  let position = 0;
  await root.batch(() => {
    for (let i = 0; i < ops.length; i++) {
      const { bucket, key, value } = ops[i]!;
      if (value === undefined) {
        void tables[bucket].remove(storedKey(key));
        continue;
      }
      const end = position + sealedLength(key, value);
      void tables[bucket].put(storedKey(key), arena.subarray(position, end));
      position = end;
    }
  });
}

function sealedLength(key: Uint8Array, value: Uint8Array): number {
  return value.length + CHECKSUM_BYTES + (isLongKey(key) ? 4 + key.length : 0);
}
