import { assert, type LogIndex, type Term, utf8 } from "@kvorum/base";
import type { ConfState } from "@kvorum/raft";

/**
 * The Raft position that the engine's content stands for: records of the bucket "meta", written in
 * the same commit as that content.
 */
export interface Position {
  readonly index: LogIndex;
  readonly term: Term;
}

const CONSISTENT_INDEX_KEY = utf8("consistent_index");
const TERM_KEY = utf8("term");
const CONF_STATE_KEY = utf8("confState");
const STORAGE_VERSION_KEY = utf8("storageVersion");

type Get = (bucket: "meta", key: Uint8Array) => Uint8Array | undefined;
type Put = (bucket: "meta", key: Uint8Array, value: Uint8Array) => void;

export function readPosition(get: Get): Position {
  return {
    index: readNumber(get("meta", CONSISTENT_INDEX_KEY)),
    term: readNumber(get("meta", TERM_KEY)),
  };
}

export function writePosition(put: Put, position: Position): void {
  put("meta", CONSISTENT_INDEX_KEY, numberToBytes(position.index));
  put("meta", TERM_KEY, numberToBytes(position.term));
}

/** JSON of raftpb.ConfState with ids as decimal numbers, empty fields left out. */
export function writeConfState(put: Put, state: ConfState): void {
  const fields: string[] = [];
  const list = (name: string, ids: readonly bigint[]) => {
    if (ids.length > 0) fields.push(`"${name}":[${ids.join(",")}]`);
  };
  list("voters", state.voters);
  list("learners", state.learners);
  list("voters_outgoing", state.votersOutgoing);
  list("learners_next", state.learnersNext);
  if (state.autoLeave) fields.push('"auto_leave":true');
  put("meta", CONF_STATE_KEY, utf8(`{${fields.join(",")}}`));
}

/** "X.Y.0"; "3.5.0" for content of that age, which has a term but no version; empty when unknown. */
export function readStorageVersion(get: Get): string {
  const stored = get("meta", STORAGE_VERSION_KEY);
  if (stored !== undefined) return Buffer.from(stored).toString("utf8");
  return get("meta", TERM_KEY) === undefined ? "" : "3.5.0";
}

export function writeStorageVersion(put: Put, version: string): void {
  put("meta", STORAGE_VERSION_KEY, utf8(version));
}

function readNumber(bytes: Uint8Array | undefined): number {
  if (bytes === undefined) return 0;
  const value = Number(Buffer.from(bytes).readBigUInt64BE(0));
  assert(Number.isSafeInteger(value), `a Raft position is a safe integer, not ${value}`);
  return value;
}

function numberToBytes(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}
