import { toV2 } from "../conf-change.js";
import { decodeConfChange } from "../conf-change-codec.js";
import { describeChanges, describeConfState } from "../describe.js";
import { messageName } from "../messages.js";
import type { RaftStatus, Ready } from "../node.js";
import { type Entry, EntryType, type Message, type Snapshot } from "../types.js";
import { decodeState, decodeText } from "./disk.js";

/** A Ready as lines of a transcript. */
export function describeReady(ready: Ready): string[] {
  const lines = [`Ready MustSync=${ready.mustSync}`];
  if (ready.softState !== undefined) {
    const { leader, role } = ready.softState;
    lines.push(`  Lead:${leader} State:${role}`);
  }
  if (ready.hardState !== undefined) {
    const { term, vote, commit } = ready.hardState;
    lines.push(`  HardState Term:${term} Vote:${vote} Commit:${commit}`);
  }
  if (ready.snapshot !== undefined) lines.push(`  Snapshot ${describeSnapshot(ready.snapshot)}`);
  list(lines, "Entries", ready.entries.map(describeEntry));
  list(lines, "CommittedEntries", ready.committedEntries.map(describeEntry));
  const reads = ready.readStates.map((read) => `${read.index} "${decodeText(read.context)}"`);
  list(lines, "ReadStates", reads);
  list(lines, "Messages", ready.messages.map(describeMessage));
  list(lines, "MessagesAfterSync", ready.messagesAfterSync.map(describeMessage));
  return lines;
}

/** "1->2 MsgApp Term:1 Log:1/3 Commit:4 Entries:[1/4 "a"]"; what is zero or empty is left out. */
export function describeMessage(message: Message): string {
  const parts = [`${message.from}->${message.to}`, messageName(message.type)];
  if (message.term !== 0) parts.push(`Term:${message.term}`);
  if (message.index !== 0 || message.logTerm !== 0) {
    parts.push(`Log:${message.logTerm}/${message.index}`);
  }
  if (message.commit !== 0) parts.push(`Commit:${message.commit}`);
  if (message.reject) parts.push(`Rejected (Hint: ${message.rejectHint})`);
  if (message.context.length > 0) parts.push(`Context:${describeContext(message.context)}`);
  if (message.snapshot !== undefined)
    parts.push(`Snapshot:{${describeSnapshot(message.snapshot)}}`);
  if (message.entries.length > 0) {
    parts.push(`Entries:[${message.entries.map(describeEntry).join(", ")}]`);
  }
  return parts.join(" ");
}

/** "term/index data", with the type when it isn't a normal entry. */
export function describeEntry(entry: Entry): string {
  const position = `${entry.term}/${entry.index}`;
  if (entry.type === EntryType.Normal) return `${position} "${decodeText(entry.data)}"`;
  const change = decodeConfChange(entry.type, entry.data);
  const version = entry.type === EntryType.ConfChange ? "ConfChange" : "ConfChangeV2";
  if (change === undefined) return `${position} ${version} unreadable`;
  const { changes } = toV2(change);
  return `${position} ${version} [${describeChanges(changes)}]`;
}

export function describeStatus(status: RaftStatus): string[] {
  const { hardState, softState } = status;
  const lines = [
    `${softState.role} Lead:${softState.leader} Term:${hardState.term} Vote:${hardState.vote} ` +
      `Commit:${hardState.commit} Applied:${status.applied} ` +
      `Log:[${status.firstIndex}, ${status.lastIndex}]`,
    describeConfState(status.confState),
  ];
  if (status.leadTransferee !== 0n) lines.push(`transferring to ${status.leadTransferee}`);
  for (const [id, progress] of status.progress) {
    const flags = [
      progress.isLearner ? " learner" : "",
      progress.paused ? " paused" : "",
      progress.recentActive ? "" : " inactive",
      progress.pendingSnapshot > 0 ? ` pendingSnapshot=${progress.pendingSnapshot}` : "",
    ].join("");
    lines.push(`${id}: ${progress.state} match=${progress.match} next=${progress.next}${flags}`);
  }
  return lines;
}

function describeSnapshot(snapshot: Snapshot): string {
  const { index, term, confState } = snapshot.metadata;
  const state = decodeState(snapshot.data).join(",");
  return `Index:${index} Term:${term} ${describeConfState(confState)} State:[${state}]`;
}

/** A read position (8 bytes, little-endian) as a number, any other context as text. */
function describeContext(context: Uint8Array): string {
  if (context.length !== 8 || context[7] !== 0) return decodeText(context);
  return `#${context[0]! + 256 * context[1]!}`;
}

function list(lines: string[], title: string, items: readonly string[]): void {
  if (items.length === 0) return;
  lines.push(`  ${title}:`);
  for (const item of items) lines.push(`    ${item}`);
}
