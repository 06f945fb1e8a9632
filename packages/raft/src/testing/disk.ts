import { assert, type LogIndex } from "@kvorum/base";
import { noConfState } from "../conf-state.js";
import type { ConfState, Entry, HardState, Snapshot } from "../types.js";

/**
 * What a member finds after a crash: hard state and log as saved, and the state of the application
 * at its last checkpoint. Everything applied after that is applied again from the log.
 */
export class Disk {
  hardState: HardState = { term: 0, vote: 0n, commit: 0 };
  confState: ConfState = noConfState;
  compacted = { index: 0, term: 0 };
  entries: Entry[] = [];
  /** The application at its last checkpoint, up to entry `applied`; at least `compacted.index`. */
  checkpoint: readonly string[] = [];
  applied: LogIndex = 0;

  get lastIndex(): LogIndex {
    return this.compacted.index + this.entries.length;
  }

  /** An entry replaces all at and after its index. */
  append(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const slot = entry.index - this.compacted.index - 1;
      assert(slot >= 0, `entry ${entry.index} is below the compacted index`);
      assert(slot <= this.entries.length, `entry ${entry.index} leaves a gap on disk`);
      this.entries.length = slot;
      this.entries.push(entry);
    }
  }

  restore(snapshot: Snapshot): void {
    const { index, term, confState } = snapshot.metadata;
    this.compacted = { index, term };
    this.entries = [];
    this.confState = confState;
    this.checkpoint = decodeState(snapshot.data);
    this.applied = index;
  }

  /** Forgets the log up to `index`, which is in the checkpoint. */
  compact(index: LogIndex): void {
    if (index <= this.compacted.index) return;
    const slot = index - this.compacted.index - 1;
    const term = this.entries[slot]!.term;
    this.entries = this.entries.slice(slot + 1);
    this.compacted = { index, term };
  }
}

export function encodeState(state: readonly string[]): Uint8Array {
  return encodeText(state.join(","));
}

export function decodeState(data: Uint8Array): readonly string[] {
  return data.length === 0 ? [] : decodeText(data).split(",");
}

export function encodeText(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

export function decodeText(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** Bytes as a map key. */
export const bytesKey = decodeText;
