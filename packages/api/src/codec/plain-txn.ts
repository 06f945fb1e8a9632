import { varintEnd } from "@kvorum/base";
import { fieldEnd, fieldStart } from "./plain-field.js";
import { plainPutBytes } from "./plain-put.js";

/** A transaction that has to be decoded to be judged. */
export const NOT_PLAIN = -1;
/** A branch that writes nothing. */
const NO_WRITE = -2;

const Tag = {
  txn: { compare: 0x0a, success: 0x12, failure: 0x1a },
  compare: { result: 0x08, target: 0x10, key: 0x1a, value: 0x3a },
  op: { range: 0x0a, put: 0x12, deleteRange: 0x1a },
  /** Of a range and of a delete. */
  key: 0x0a,
} as const;

/**
 * Recognises the usual TxnRequest without decoding it: compares of one key each, and in each branch
 * at most one operation, a plain put or a range or delete of one key, one of which writes. Fields
 * stand in the order in which every client encodes them:
 *
 *     TxnRequest   (0a length Compare)*  [12 length RequestOp]  [1a length RequestOp]
 *     Compare      [08 result] [10 target] 1a length key [20, 28, 30 or 40 varint | 3a length value]
 *     RequestOp    12 length PutRequest | 0a length (0a length key) | 1a length (0a length key)
 *
 * What it recognises can be decoded, and nothing of it can be refused without the store.
 * @param opsMax how many compares or operations a list may have
 * @returns the bytes of key and value of the larger put, 0 without a put, or NOT_PLAIN
 */
export function plainTxnPutBytes(message: Uint8Array, opsMax: number): number {
  const end = message.length;
  let at = 0;
  for (let compares = 1; message[at] === Tag.txn.compare; compares++) {
    const next = fieldEnd(message, at, end);
    if (next < 0 || compares > opsMax) return NOT_PLAIN;
    if (!isPlainCompare(message, fieldStart(message, at), next)) return NOT_PLAIN;
    at = next;
  }
  let bytes = NO_WRITE;
  for (let tag: number = Tag.txn.success; tag <= Tag.txn.failure; tag += 8) {
    if (message[at] !== tag) continue;
    const next = fieldEnd(message, at, end);
    const written = next < 0 ? NOT_PLAIN : putBytesOfOp(message, fieldStart(message, at), next);
    if (written === NOT_PLAIN) return NOT_PLAIN;
    if (written > bytes) bytes = written;
    at = next;
  }
  return at !== end || bytes === NO_WRITE || opsMax < 1 ? NOT_PLAIN : bytes;
}

function isPlainCompare(message: Uint8Array, start: number, end: number): boolean {
  let at = start;
  if (message[at] === Tag.compare.result && message[at + 1]! < 0x80) at += 2;
  if (message[at] === Tag.compare.target && message[at + 1]! < 0x80) at += 2;
  if (message[at] !== Tag.compare.key) return false;
  at = fieldEnd(message, at, end);
  if (at < 0 || at === end) return at === end;
  switch (message[at]) {
    case 0x20: // version
    case 0x28: // create revision
    case 0x30: // mod revision
    case 0x40: // lease
      return varintEnd(message, at + 1, end) === end;
    case Tag.compare.value:
      return fieldEnd(message, at, end) === end;
    default:
      return false;
  }
}

function putBytesOfOp(message: Uint8Array, start: number, end: number): number {
  if (fieldEnd(message, start, end) !== end) return NOT_PLAIN;
  const inner = fieldStart(message, start);
  const tag = message[start];
  if (tag === Tag.op.put) return plainPutBytes(message, inner, end) || NOT_PLAIN;
  if (tag !== Tag.op.range && tag !== Tag.op.deleteRange) return NOT_PLAIN;
  if (message[inner] !== Tag.key || fieldEnd(message, inner, end) !== end) return NOT_PLAIN;
  return tag === Tag.op.range ? NO_WRITE : 0;
}
