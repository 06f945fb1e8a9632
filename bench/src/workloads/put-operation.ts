import type { Prng } from "@kvorum/base";
import type { KeySpace } from "../load/key-space.js";
import type { CallState, Operation } from "../load/operation.js";
import { headerRevision } from "../load/proto-scan.js";
import type { ValuePool } from "../load/value-pool.js";
import { fieldBytes, putFieldHead } from "../load/wire-write.js";

export interface PutOptions {
  readonly keys: KeySpace;
  readonly values: ValuePool;
  readonly prng: Prng;
}

/** Puts of one value size into a key space. */
export function putOperation({ keys, values, prng }: PutOptions): Operation {
  return {
    path: "/etcdserverpb.KV/Put",
    makesRevision: true,
    requestBytesMax: fieldBytes(keys.keyBytes) + fieldBytes(values.valueBytes),
    write(into, at, state) {
      state.key = keys.pick(prng);
      return writePut(into, at, state.key, { keys, values });
    },
    check: checkPut,
  };
}

/** `key = 1`, `value = 2` of a PutRequest. */
export function writePut(
  into: Buffer,
  from: number,
  key: number,
  { keys, values }: { readonly keys: KeySpace; readonly values: ValuePool },
): number {
  let at = putFieldHead(into, from, 1, keys.keyBytes);
  at = keys.write(into, at, key);
  at = putFieldHead(into, at, 2, values.valueBytes);
  return values.write(into, at);
}

/** A PutResponse without `prev_kv` is its header and nothing else. */
function checkPut(bytes: Buffer, start: number, end: number, state: CallState): string | undefined {
  state.revision = headerRevision(bytes, start, end);
  if (state.revision < 2) return "a put's reply has no header with a revision";
  if (start + 2 + bytes[start + 1]! !== end) return "a put's reply has more than a header";
  return undefined;
}
