import type { CallState, Operation } from "../load/operation.js";
import { headerRevision, ProtoScan } from "../load/proto-scan.js";
import { fieldBytes, putFieldHead } from "../load/wire-write.js";
import { type PutOptions, writePut } from "./put-operation.js";

/**
 * Transactions that compare and then put: "if the key's version is above -1, put it", a comparison
 * that always holds, whatever was put before, so that every reply must say `succeeded`.
 *
 *     compare = 1 { result = GREATER, target = VERSION, key = 3, version = -1 }
 *     success = 2 { request_put = 2 { key = 1, value = 2 } }
 */
export function txnPutOperation({ keys, values, prng }: PutOptions): Operation {
  // result = 1 (GREATER); target = 0 is left out; version = 4 with the ten bytes of -1.
  const result = Buffer.from([0x08, 1]);
  const version = Buffer.from([0x20, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
  const compareBytes = result.length + fieldBytes(keys.keyBytes) + version.length;
  const putBytes = fieldBytes(keys.keyBytes) + fieldBytes(values.valueBytes);
  const opBytes = fieldBytes(putBytes);
  return {
    path: "/etcdserverpb.KV/Txn",
    makesRevision: true,
    requestBytesMax: fieldBytes(compareBytes) + fieldBytes(opBytes),
    write(into, from, state) {
      const key = keys.pick(prng);
      state.key = key;
      let at = putFieldHead(into, from, 1, compareBytes);
      at = putBytesOf(into, at, result);
      at = putFieldHead(into, at, 3, keys.keyBytes);
      at = keys.write(into, at, key);
      at = putBytesOf(into, at, version);
      at = putFieldHead(into, at, 2, opBytes);
      at = putFieldHead(into, at, 2, putBytes);
      return writePut(into, at, key, { keys, values });
    },
    check: checkSucceeded,
  };
}

function putBytesOf(into: Buffer, from: number, bytes: Buffer): number {
  for (let i = 0; i < bytes.length; i++) into[from + i] = bytes[i]!;
  return from + bytes.length;
}

const scan = new ProtoScan();

/** `succeeded = 2`, `responses = 3` of a TxnResponse. */
function checkSucceeded(
  bytes: Buffer,
  start: number,
  end: number,
  state: CallState,
): string | undefined {
  state.revision = headerRevision(bytes, start, end);
  if (state.revision < 2) return "a transaction's reply has no header with a revision";
  let succeeded = 0;
  let responses = 0;
  scan.reset(bytes, start, end);
  while (scan.next()) {
    if (scan.field === 2) succeeded = scan.varint;
    if (scan.field === 3) responses++;
  }
  if (succeeded !== 1) return "a transaction did not succeed";
  return responses === 1 ? undefined : `a transaction's reply holds ${responses} responses`;
}
