import { createPrng, type Prng } from "@kvorum/base";
import { describe, expect, it } from "vitest";
import { noConfState } from "./conf-state.js";
import { entryBytes } from "./messages.js";
import { RaftLog } from "./raft-log.js";
import { type Entry, EntryType } from "./types.js";

function entry(index: number, term: number, bytes = 0): Entry {
  return { type: EntryType.Normal, term, index, data: new Uint8Array(bytes) };
}

function logOf(terms: readonly number[], overrides: { commit?: number; applied?: number } = {}) {
  return new RaftLog({
    compacted: { index: 0, term: 0 },
    entries: terms.map((term, at) => entry(at + 1, term)),
    commit: overrides.commit ?? 0,
    applied: overrides.applied ?? 0,
  });
}

const indexes = (entries: readonly Entry[]): number[] => entries.map((each) => each.index);

describe("merge", () => {
  it("refuses a position that differs or is missing", () => {
    const log = logOf([1, 1, 2]);
    expect(log.merge(3, 1, [])).toBeUndefined();
    expect(log.merge(4, 2, [])).toBeUndefined();
    expect(log.merge(3, 2, [])).toBe(3);
  });

  it("keeps what follows entries that it has already: an old message must not cut the log", () => {
    const log = logOf([1, 1, 2, 2]);
    expect(log.merge(1, 1, [entry(2, 1)])).toBe(2);
    expect(log.lastIndex).toBe(4);
    expect(log.merge(1, 1, [entry(2, 1), entry(3, 3)])).toBe(3);
    expect(log).toMatchObject({ lastIndex: 3, lastTerm: 3 });
  });

  it("never replaces a committed entry", () => {
    const log = logOf([1, 1], { commit: 2 });
    expect(() => log.merge(1, 1, [entry(2, 2)])).toThrow("conflicts with committed");
  });
});

describe("conflictHint", () => {
  it("passes over terms that can't match", () => {
    const log = logOf([1, 3, 3, 4, 4, 5]);
    expect(log.conflictHint(6, 3)).toEqual({ index: 3, term: 3 });
    expect(log.conflictHint(6, 2)).toEqual({ index: 1, term: 1 });
    expect(log.conflictHint(6, 0)).toEqual({ index: 0, term: 0 });
    expect(log.conflictHint(9, 9)).toEqual({ index: 9, term: 0 });
  });
});

describe("slices", () => {
  it("hold at least one entry and no more bytes than asked", () => {
    const log = logOf([1, 1, 1]);
    const size = entryBytes(entry(1, 1));
    expect(indexes(log.slice(1, 0))).toEqual([1]);
    expect(indexes(log.slice(1, 2 * size))).toEqual([1, 2]);
    expect(indexes(log.slice(2, 100 * size))).toEqual([2, 3]);
    expect(log.slice(4, 100)).toEqual([]);
  });

  it("are shared when equal, and stay as they were when the log is cut", () => {
    const log = logOf([1, 1]);
    log.appendData(2, [new Uint8Array(1), new Uint8Array(2)]);
    const sent = log.slice(3, 1_000);
    expect(log.beginSave()).toBe(sent);
    log.merge(2, 1, [entry(3, 3)]);
    expect(sent.map((each) => each.term)).toEqual([2, 2]);
    expect(log.slice(3, 1_000).map((each) => each.term)).toEqual([3]);
  });
});

describe("commit and applied", () => {
  it("stay within the log and in order", () => {
    const log = logOf([1, 1, 1], { commit: 1 });
    expect(() => log.commitTo(4)).toThrow("Was the raft log corrupted, truncated, or lost?");
    log.commitTo(2);
    expect(() => log.appliedTo(1)).toThrow("out of range");
    expect(indexes(log.deliver(1_000))).toEqual([1, 2]);
    log.appliedTo(2);
    expect(() => log.compact(3)).toThrow("above applied");
    expect(() => logOf([1], { commit: 2 })).toThrow("state.commit 2 is out of range [0, 1]");
  });

  it("wait for a snapshot to be saved", () => {
    const log = logOf([1, 1], { commit: 2 });
    const snapshot = (index: number) => ({
      metadata: { confState: noConfState, index, term: 3 },
      data: new Uint8Array(0),
    });
    log.restore(snapshot(10));
    expect(log).toMatchObject({ firstIndex: 11, lastIndex: 10, lastTerm: 3, committed: 10 });
    log.merge(10, 3, [entry(11, 3)]);
    log.commitTo(11);
    expect(log.takeSnapshot()).toBeDefined();
    expect(indexes(log.beginSave())).toEqual([11]);
    expect(log.hasDeliverable()).toBe(false);
    log.endSave();
    log.snapshotSaved(10);
    expect(log.applied).toBe(10);
    expect(indexes(log.deliver(1_000))).toEqual([11]);
  });
});

/** The same log as a plain array that never forgets. */
function checkAgainst(log: RaftLog, terms: readonly number[], compacted: number): void {
  expect(log.lastIndex).toBe(terms.length);
  expect(log.firstIndex).toBe(compacted + 1);
  const wrong: number[] = [];
  for (let index = 0; index <= terms.length + 1; index++) {
    const isKnown = index >= compacted && index <= terms.length;
    const term = index === 0 ? 0 : terms[index - 1];
    if (log.termAt(index) !== (isKnown ? term : undefined)) wrong.push(index);
  }
  expect(wrong, "indexes with a wrong term").toEqual([]);
}

function growRandomly(prng: Prng): void {
  const log = logOf([]);
  let terms: number[] = [];
  let compacted = 0;
  for (let step = 0; step < 60; step++) {
    const count = prng.below(400);
    const term = (terms.at(-1) ?? 0) + prng.below(2);
    if (prng.below(3) === 0) {
      const from = Math.max(log.committed, terms.length - prng.below(200));
      const entries = Array.from({ length: count }, (_, at) => entry(from + 1 + at, term + 1));
      log.merge(from, log.termAt(from)!, entries);
      if (count > 0) terms = [...terms.slice(0, from), ...entries.map((each) => each.term)];
    } else {
      log.appendData(Math.max(term, 1), Array(count).fill(new Uint8Array(1)));
      terms.push(...Array(count).fill(Math.max(term, 1)));
    }
    log.beginSave();
    log.endSave();
    log.commitTo(log.committed + prng.below(terms.length - log.committed + 1));
    const delivered = log.deliver(Number.POSITIVE_INFINITY);
    const last = delivered.at(-1);
    if (last !== undefined) log.appliedTo(last.index);
    compacted = Math.max(compacted, log.applied - prng.below(300));
    log.compact(compacted);
    checkAgainst(log, terms, compacted);
  }
}

it("equals a plain array through growth, truncation and compaction", () => {
  for (let seed = 1; seed <= 8; seed++) growRandomly(createPrng(seed));
});
