import { WireReader } from "@kvorum/api";
import type { ConfState } from "@kvorum/raft";
import { MessageWriter } from "./message-writer.js";

/** raftpb.ConfState as gogo writes it: ids unpacked, auto_leave always there. */
export function encodeConfState(state: ConfState): Buffer {
  const writer = new MessageWriter();
  for (const id of state.voters) writer.uint64(1, id);
  for (const id of state.learners) writer.uint64(2, id);
  for (const id of state.votersOutgoing) writer.uint64(3, id);
  for (const id of state.learnersNext) writer.uint64(4, id);
  return writer.number(5, state.autoLeave ? 1 : 0).finish();
}

/** @throws WireError */
export function decodeConfState(bytes: Uint8Array): ConfState {
  const lists: bigint[][] = [[], [], [], [], []];
  let autoLeave = false;
  const reader = new WireReader(bytes);
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    const list = lists[tag >>> 3];
    if (tag === 0x28) autoLeave = reader.bool();
    else if (list !== undefined && (tag & 7) === 0) list.push(reader.uint64());
    else if (list !== undefined && (tag & 7) === 2) list.push(...packedIds(reader.bytes()));
    else reader.skipField(tag);
  }
  const [, voters, learners, votersOutgoing, learnersNext] = lists as [
    bigint[],
    bigint[],
    bigint[],
    bigint[],
    bigint[],
  ];
  return { voters, learners, votersOutgoing, learnersNext, autoLeave };
}

/** A reader must take both forms of a repeated number, whatever its writer prefers. */
function packedIds(bytes: Uint8Array): bigint[] {
  const ids: bigint[] = [];
  const reader = new WireReader(bytes);
  while (reader.position < reader.end) ids.push(reader.uint64());
  return ids;
}
