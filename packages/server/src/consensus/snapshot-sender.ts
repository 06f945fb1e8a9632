import type { View } from "@kvorum/backends";
import { assert, type LogIndex, type Term } from "@kvorum/base";
import type { Message } from "@kvorum/raft";
import { readPosition } from "../boot/position.js";
import { memberFromJson } from "../membership/member.js";
import { encodeMembership } from "../storage/snap/membership-json.js";
import { confStateOf } from "./raft-node.js";

/** A MsgSnap whose snapshot says exactly what the view's content stands for. */
export interface SnapshotMessage {
  readonly message: Message;
  readonly index: LogIndex;
  readonly term: Term;
}

/**
 * Completes a MsgSnap of the core with the state that is sent along. Position, members and removed
 * ids are read from the view itself, so that they belong together however much has been applied
 * since the core asked. Source: etcd's createMergedSnapshotMessage.
 */
export async function completeSnapshot(message: Message, view: View): Promise<SnapshotMessage> {
  const meta = await smallBucket(view, "meta");
  const { index, term } = readPosition((_bucket, key) => meta.get(textOf(key)));
  const asked = message.snapshot?.metadata.index ?? 0;
  assert(index >= asked, `a view at index ${index} holds what was applied at ${asked}`);
  const members = [...(await smallBucket(view, "members")).values()].map((value) =>
    memberFromJson(Buffer.from(value).toString("utf8")),
  );
  const removed = [...(await smallBucket(view, "members_removed")).keys()].map((id) =>
    BigInt(`0x${id}`),
  );
  const version = (await smallBucket(view, "cluster")).get("clusterVersion");
  const data = encodeMembership({
    members,
    removed,
    clusterVersion: version === undefined ? undefined : Buffer.from(version).toString("utf8"),
  });
  const metadata = { index, term, confState: confStateOf(members) };
  return { message: { ...message, snapshot: { metadata, data } }, index, term };
}

async function smallBucket(
  view: View,
  bucket: "meta" | "members" | "members_removed" | "cluster",
): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  for await (const { keys, values } of view.scan(bucket)) {
    for (let i = 0; i < keys.length; i++) found.set(textOf(keys[i]!), values[i]!);
  }
  return found;
}

function textOf(key: Uint8Array): string {
  return Buffer.from(key).toString("latin1");
}
