import type { RawKeyValue } from "@kvorum/api";
import { BatchCursor } from "./batch-cursor.js";
import { encodeDeleted, KeyValueReader } from "./key-value.js";
import { encodeRevisionKey } from "./revision-key.js";
import type { StoreState } from "./store-state.js";
import type { RevisionEvents, StoreEvent } from "./types.js";
import type { WriteGeneration } from "./write-buffer.js";

export interface History {
  readonly revisions: readonly RevisionEvents[];
  /** The first revision not looked at. */
  readonly next: number;
}

/**
 * The events from revision `from` on: from memory where the buffers and the value cache still hold
 * that revision, else from the engine up to where the buffers begin. `revisionsMax` bounds the
 * revisions returned; one is never split.
 */
export async function readHistory(
  state: StoreState,
  from: number,
  revisionsMax: number,
): Promise<History> {
  const recent = fromMemory(state, from, revisionsMax);
  if (recent !== undefined) return Promise.resolve(recent);
  // What the engine's view holds for sure: revisions before the oldest that no commit has settled.
  const unsettled = state.records.unsettled().find(({ firstMain }) => firstMain !== undefined);
  const end = unsettled?.firstMain ?? state.currentRevision + 1;
  const view = await state.records.engineView();
  const collector = new EventCollector(revisionsMax);
  try {
    const range = { start: encodeRevisionKey(from, 0), end: encodeRevisionKey(end, 0) };
    for await (const batch of view.scan("key", range)) {
      const cursor = new BatchCursor(batch);
      for (let i = 0; i < cursor.count; i++) {
        cursor.moveTo(i);
        if (!collector.add(cursor)) return collector.history();
      }
    }
  } finally {
    await view.close();
  }
  return { revisions: collector.revisions, next: Math.max(end, from) };
}

/** @returns undefined when `from` is older than what memory holds */
function fromMemory(state: StoreState, from: number, revisionsMax: number): History | undefined {
  const end = state.currentRevision + 1;
  if (from >= end) return { revisions: [], next: from };
  const generations = [...state.reader.cache.recent, ...state.records.unsettled()];
  const held = generations.filter(({ firstMain }) => firstMain !== undefined);
  let g = held.findLastIndex(({ firstMain }) => firstMain! <= from);
  if (g === -1) return undefined;
  const revisions: RevisionEvents[] = [];
  let main = from;
  for (; main < end && revisions.length < revisionsMax; main++) {
    while (g + 1 < held.length && held[g + 1]!.firstMain! <= main) g++;
    const events = eventsOf(held[g]!, main);
    if (events.length > 0) revisions.push({ main, events });
  }
  return { revisions, next: main };
}

function eventsOf(generation: WriteGeneration, main: number): StoreEvent[] {
  const events: StoreEvent[] = [];
  const count = generation.subCount(main);
  for (let sub = 0; sub < count; sub++) {
    const record = generation.record(main, sub)!;
    events.push(toEvent({ main, sub }, record, generation.isTombstone(main, sub)));
  }
  return events;
}

/** Groups records, which come in revision order, by main revision. */
class EventCollector {
  readonly revisions: RevisionEvents[] = [];
  readonly #revisionsMax: number;
  #events: StoreEvent[] = [];
  #main = -1;

  constructor(revisionsMax: number) {
    this.#revisionsMax = revisionsMax;
  }

  /** @returns false when the record begins one revision too many; it is not taken then */
  add(cursor: BatchCursor): boolean {
    const { main, sub, isTombstone } = cursor;
    if (main !== this.#main) {
      if (this.revisions.length === this.#revisionsMax) return false;
      this.#main = main;
      this.#events = [];
      this.revisions.push({ main, events: this.#events });
    }
    // A copy, because a slow watcher keeps its events for long and would hold the whole batch.
    this.#events.push(toEvent({ main, sub }, cursor.copyRecord(), isTombstone));
    return true;
  }

  history(): History {
    return { revisions: this.revisions, next: this.#main + 1 };
  }
}

const reader = new KeyValueReader();

function toEvent(
  revision: StoreEvent["revision"],
  record: RawKeyValue,
  isTombstone: boolean,
): StoreEvent {
  const { createRevision } = reader.read(record);
  const key = reader.keyText();
  if (!isTombstone) {
    return { type: "put", key, revision, kv: record, isCreate: createRevision === revision.main };
  }
  const kv = encodeDeleted(key, revision.main);
  return { type: "delete", key, revision, kv, isCreate: false };
}
