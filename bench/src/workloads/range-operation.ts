import type { Prng } from "@kvorum/base";
import type { KeySpace } from "../load/key-space.js";
import type { CallState, Operation } from "../load/operation.js";
import { headerRevision, ProtoScan } from "../load/proto-scan.js";
import { fieldBytes, putFieldHead } from "../load/wire-write.js";

export interface RangeOptions {
  readonly keys: KeySpace;
  readonly prng: Prng;
  /** Keys of one request; 1 asks for a key, more for a range. */
  readonly span: number;
  readonly isSerializable: boolean;
  readonly isKeysOnly?: boolean;
  readonly isCountOnly?: boolean;
  /** Bytes of every value, which a reply is held against; undefined where they differ. */
  readonly valueBytes?: number | undefined;
}

/** Ranges over a key space that is filled: each reply must hold exactly the keys asked for. */
export function rangeOperation(options: RangeOptions): Operation {
  const { keys, prng, span } = options;
  const flags = Buffer.from([
    ...(options.isSerializable ? [0x38, 1] : []),
    ...(options.isKeysOnly ? [0x40, 1] : []),
    ...(options.isCountOnly ? [0x48, 1] : []),
  ]);
  const check = rangeCheck(options);
  return {
    path: "/etcdserverpb.KV/Range",
    makesRevision: false,
    requestBytesMax: 2 * fieldBytes(keys.keyBytes) + flags.length,
    write(into, from, state) {
      // A range begins where all of it lies within the key space.
      const key = span === 1 ? keys.pick(prng) : prng.below(keys.count - span + 1);
      state.key = key;
      let at = putFieldHead(into, from, 1, keys.keyBytes);
      at = keys.write(into, at, key);
      if (span > 1) {
        at = putFieldHead(into, at, 2, keys.keyBytes);
        at = keys.write(into, at, key + span);
      }
      for (let i = 0; i < flags.length; i++) into[at++] = flags[i]!;
      return at;
    },
    check,
  };
}

/**
 * The same range through RangeStream, whose chunks together must hold exactly the keys asked for.
 */
export function rangeStreamOperation(options: RangeOptions): Operation {
  const chunk = new ProtoScan();
  const reply = new ProtoScan();
  return {
    ...rangeOperation(options),
    path: "/etcdserverpb.KV/RangeStream",
    check(bytes, start, end, state) {
      chunk.reset(bytes, start, end);
      while (chunk.next()) {
        if (chunk.field !== 1) continue;
        reply.reset(bytes, chunk.start, chunk.end);
        while (reply.next()) if (reply.field === 2) state.records++;
        // Only the last chunk has a header.
        const revision = headerRevision(bytes, chunk.start, chunk.end);
        if (revision > 0) state.revision = revision;
      }
      return undefined;
    },
    checkEnd: ({ records }) =>
      records === options.span ? undefined : `a range stream held ${records} keys`,
  };
}

/** `kvs = 2`, `more = 3`, `count = 4` of a RangeResponse; `key = 1`, `value = 5` of a KeyValue. */
function rangeCheck(options: RangeOptions): Operation["check"] {
  const { keys, span } = options;
  const expected = Buffer.alloc(keys.keyBytes);
  const reply = new ProtoScan();
  const record = new ProtoScan();
  const valueBytes = options.isKeysOnly ? 0 : options.valueBytes;
  const checkRecord = (bytes: Buffer, key: number): string | undefined => {
    keys.write(expected, 0, key);
    let seenValueBytes = 0;
    record.reset(bytes, reply.start, reply.end);
    while (record.next()) {
      if (record.field === 1 && !isEqual(bytes, record.start, record.end, expected)) {
        return "a range's reply holds another key";
      }
      if (record.field === 5) seenValueBytes = record.end - record.start;
    }
    if (valueBytes !== undefined && seenValueBytes !== valueBytes) {
      return `a range's reply holds a value of ${seenValueBytes} bytes`;
    }
    return undefined;
  };
  return (bytes: Buffer, start: number, end: number, state: CallState) => {
    state.revision = headerRevision(bytes, start, end);
    if (state.revision < 1) return "a range's reply has no header with a revision";
    let count = 0;
    let records = 0;
    reply.reset(bytes, start, end);
    while (reply.next()) {
      if (reply.field === 4) count = reply.varint;
      if (reply.field !== 2) continue;
      const fault = checkRecord(bytes, state.key + records);
      if (fault !== undefined) return fault;
      records++;
    }
    if (count !== span) return `a range's reply counts ${count} keys`;
    const wanted = options.isCountOnly ? 0 : span;
    return records === wanted ? undefined : `a range's reply holds ${records} keys`;
  };
}

function isEqual(bytes: Buffer, start: number, end: number, expected: Buffer): boolean {
  if (end - start !== expected.length) return false;
  for (let i = 0; i < expected.length; i++) {
    if (bytes[start + i] !== expected[i]) return false;
  }
  return true;
}
