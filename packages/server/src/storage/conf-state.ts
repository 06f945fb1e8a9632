import type { ConfState } from "@kvorum/raft";
import { MessageReader, MessageWriter, WireType } from "./wire.js";

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
  const reader = new MessageReader(bytes);
  while (reader.next()) {
    const list = lists[reader.field];
    if (reader.is(5, WireType.Varint)) autoLeave = reader.uint64() !== 0n;
    else if (list === undefined || reader.field === 0) reader.skip();
    else if (reader.is(reader.field, WireType.Varint)) list.push(reader.uint64());
    else if (reader.is(reader.field, WireType.Bytes)) list.push(...packedIds(reader.bytes()));
    else reader.skip();
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
  const reader = new MessageReader(bytes);
  while (!reader.isAtEnd) ids.push(reader.uint64());
  return ids;
}
