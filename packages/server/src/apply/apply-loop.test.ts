import { apiError, encodeProposal, ProposalField } from "@kvorum/api";
import { SimulatedClock } from "@kvorum/base";
import {
  type ConfChange,
  ConfChangeType,
  type Entry,
  EntryType,
  encodeConfChange,
} from "@kvorum/raft";
import { beforeEach, describe, expect, test } from "vitest";
import { serverLimits } from "../limits.js";
import { ApplyLoop, type ApplyLoopOptions } from "./apply-loop.js";

/** Entries that took less leave no event. */
const NOTED_MS = 100;

let clock: SimulatedClock;
let events: string[];
let pressure: boolean;
let apply: ApplyLoopOptions["apply"];

beforeEach(() => {
  clock = new SimulatedClock();
  events = [];
  pressure = false;
  apply = (proposal) => {
    events.push(`apply ${proposal.idLow}`);
    return { kind: "none" };
  };
});

function open(consistentIndex = 0, overrides: Partial<ApplyLoopOptions> = {}): ApplyLoop {
  return new ApplyLoop({
    ...{ clock, consistentIndex, consistentTerm: 1 },
    apply: (proposal, index) => apply(proposal, index),
    takeOwner: (_high, low) => ({
      applied: ({ kind }) => void events.push(`${low} answered ${kind}`),
      failed: (error) => void events.push(`${low} refused: ${error.message}`),
    }),
    applyConfChange: (change, index) =>
      void events.push(`conf change ${change.nodeId} at ${index}`),
    onEmptyEntry: ({ term, opensTerm }) =>
      void events.push(`${opensTerm ? "term" : "empty in"} ${term}`),
    onEntry: () => {},
    underPressure: () => pressure,
    onApplied: (index) => void events.push(`applied ${index}`),
    onOutcome: (proposal, response, tookMs) => {
      const what = response === undefined ? "refusing" : "applying";
      if (tookMs >= NOTED_MS) events.push(`${what} ${proposal.idLow} took ${tookMs}`);
    },
    ...overrides,
  });
}

const memory = { take: (bytes: number) => Buffer.allocUnsafe(bytes) };

function entry(index: number, term = 1): Entry {
  const id = { high: 1, low: index };
  const data = encodeProposal(memory, id, ProposalField.compaction, new Uint8Array());
  return { type: EntryType.Normal, term, index, data };
}

function entries(from: number, to: number): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, i) => entry(from + i));
}

const quiet = { takeOwner: () => undefined };

test("entries are applied in order, and their proposers answered", () => {
  const loop = open();
  loop.push(entries(1, 2));
  expect(events).toEqual(["apply 1", "1 answered none", "apply 2", "2 answered none", "applied 2"]);
  expect(loop.appliedIndex).toBe(2);
});

test("what the engine holds already is skipped without a trace", () => {
  const told: number[] = [];
  const loop = open(3, { ...quiet, onEntry: ({ index }) => void told.push(index) });
  loop.push(entries(1, 5));
  expect(events).toEqual(["apply 4", "apply 5", "applied 5"]);
  expect(told).toEqual([4, 5]);
});

test("a gap is a broken invariant", () => {
  const loop = open(0, quiet);
  loop.push(entries(1, 1));
  expect(() => loop.push([entry(3)])).toThrow("entries are applied without gap: 3 follows 1");
});

test("an entry's position is told before its effects", () => {
  const loop = open(0, {
    ...quiet,
    onEntry: ({ index, term }) => void events.push(`${index}@${term}`),
  });
  loop.push([entry(1, 7)]);
  expect(events).toEqual(["1@7", "apply 1", "applied 1"]);
  expect(loop.appliedTerm).toBe(7);
});

test("an empty entry begins a term; a conf change goes its own way", () => {
  const change: ConfChange = {
    ...{ id: 1n, type: ConfChangeType.AddNode, nodeId: 9n },
    context: new Uint8Array(),
  };
  const loop = open(0, quiet);
  loop.push([
    { type: EntryType.Normal, term: 4, index: 1, data: new Uint8Array() },
    { term: 4, index: 2, ...encodeConfChange(change) },
  ]);
  expect(events).toEqual(["term 4", "conf change 9 at 2", "applied 2"]);
});

describe("what applying throws", () => {
  test("is told to the proposer when it is a refusal, and applying goes on", () => {
    apply = ({ idLow }) => {
      if (idLow === 1) throw apiError("noSpace");
      return { kind: "none" };
    };
    open().push(entries(1, 2));
    expect(events).toEqual([
      "1 refused: etcdserver: mvcc: database space exceeded",
      "2 answered none",
      "applied 2",
    ]);
  });

  test("ends everything when it is anything else", () => {
    apply = () => {
      throw new TypeError("broken");
    };
    expect(() => open().push(entries(1, 1))).toThrow("broken");
    expect(events).toEqual([]);
  });

  test("so does an entry that can't be read", () => {
    const data = Buffer.from([0xff, 0xff]);
    expect(() => open().push([{ type: EntryType.Normal, term: 1, index: 1, data }])).toThrow();
  });
});

test("under pressure entries wait, in order, until the engine has caught up", () => {
  const loop = open(0, quiet);
  pressure = true;
  loop.push(entries(1, 1));
  loop.push(entries(2, 2));
  clock.advance(5);
  expect(events.filter((event) => event.startsWith("apply"))).toEqual([]);
  pressure = false;
  clock.advance(1);
  expect(events.filter((event) => event.startsWith("apply"))).toEqual(["apply 1", "apply 2"]);
  expect(loop.appliedIndex).toBe(2);
});

test("a long batch leaves turns to others", () => {
  const turn = serverLimits.applyEntriesPerTurnMax;
  const loop = open(0, quiet);
  loop.push(entries(1, turn + 10));
  expect(loop.appliedIndex).toBe(turn);
  loop.push(entries(turn + 11, turn + 11));
  expect(loop.appliedIndex).toBe(turn);
  clock.advance(0);
  expect(loop.appliedIndex).toBe(turn + 11);
});

test("an entry that takes long is reported", () => {
  let tookMs = NOTED_MS - 1;
  apply = () => {
    clock.advance(tookMs);
    return { kind: "none" };
  };
  const loop = open(0, quiet);
  loop.push(entries(1, 1));
  tookMs = NOTED_MS;
  loop.push(entries(2, 2));
  expect(events).toEqual(["applied 1", `applying 2 took ${NOTED_MS}`, "applied 2"]);
});

test("a stopped loop applies nothing any more", () => {
  const loop = open(0, quiet);
  pressure = true;
  loop.push(entries(1, 1));
  loop.stop();
  pressure = false;
  clock.advance(10);
  loop.push(entries(2, 2));
  expect(loop.appliedIndex).toBe(0);
});

test("a snapshot is taken behind what came before it, and what follows waits for it", async () => {
  const loop = open(0, quiet);
  let finish = (_position: { index: number; term: number }) => {};
  const installed = loop.install(
    () =>
      new Promise((resolve) => {
        finish = resolve;
      }),
  );
  loop.push(entries(9, 11));
  expect(loop.appliedIndex).toBe(0);
  finish({ index: 10, term: 3 });
  await installed;
  await clock.run(0);
  expect(events.filter((event) => event.startsWith("apply"))).toEqual(["apply 11"]);
  expect(loop.appliedIndex).toBe(11);
});
