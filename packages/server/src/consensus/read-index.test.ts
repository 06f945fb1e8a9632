import { SimulatedClock } from "@kvorum/base";
import { beforeEach, describe, expect, test } from "vitest";
import { ProposalIds } from "./proposal-ids.js";
import { ReadIndexQueue } from "./read-index.js";
import { FakeNode } from "./testing/fake-node.js";

const TIMEOUT_MS = 7_000;
const RETRY_MS = 500;

let node: FakeNode;
let clock: SimulatedClock;
let reads: ReadIndexQueue;
let outcomes: string[];
let wakes: number;

beforeEach(() => {
  node = new FakeNode();
  clock = new SimulatedClock();
  outcomes = [];
  wakes = 0;
  const ids = new ProposalIds({ memberId: 1n, wallMs: 0 });
  const wake = () => void wakes++;
  reads = new ReadIndexQueue({ node, clock, ids, timeoutMs: TIMEOUT_MS, wake });
});

function read(name: string): void {
  reads.wait({
    ready: () => void outcomes.push(`${name} ready`),
    failed: (error) => void outcomes.push(`${name}: ${error.code} ${error.message}`),
  });
}

/** The core's answer to the request with this number. */
function confirm(round: number, index: number): void {
  reads.confirm([{ context: node.reads[round]!, index }]);
}

test("one round serves all that wait, and those that come meanwhile wait for the next", () => {
  read("a");
  read("b");
  reads.flush();
  read("c");
  reads.flush();
  expect(node.reads.length).toBe(1);
  confirm(0, 5);
  reads.applied(5);
  expect(outcomes).toEqual(["a ready", "b ready"]);
  reads.flush();
  expect(node.reads.length).toBe(2);
  confirm(1, 5);
  reads.applied(5);
  expect(outcomes).toEqual(["a ready", "b ready", "c ready"]);
});

test("the only voter serves at once what it has applied, and needs a round before that", () => {
  node.confirmsReadsAlone = true;
  node.committedIndex = 5;
  node.appliedIndex = 4;
  read("a");
  expect(outcomes).toEqual([]);
  reads.flush();
  expect(node.reads.length).toBe(1);
  node.appliedIndex = 5;
  read("b");
  expect(outcomes).toEqual(["b ready"]);
  confirm(0, 5);
  reads.applied(5);
  node.confirmsReadsAlone = false;
  read("c");
  expect(outcomes).toEqual(["b ready", "a ready"]);
});

test("a confirmed round wakes the loop for those that wait for the next", () => {
  read("a");
  reads.flush();
  read("b");
  const before = wakes;
  confirm(0, 1);
  expect(wakes).toBe(before + 1);
});

test("a read is served only when what was committed is applied", () => {
  read("a");
  reads.flush();
  confirm(0, 5);
  reads.applied(4);
  expect(outcomes).toEqual([]);
  reads.applied(6);
  expect(outcomes).toEqual(["a ready"]);
  reads.applied(7);
  expect(outcomes.length).toBe(1);
});

test("an unanswered round is asked again with its context, any of its answers serves it", () => {
  read("a");
  reads.flush();
  clock.advance(RETRY_MS - 1);
  reads.expire();
  expect(node.reads.length).toBe(1);
  clock.advance(1);
  reads.expire();
  expect(node.reads.length).toBe(2);
  expect(node.reads[1]).toEqual(node.reads[0]);
  expect(reads.slowRounds).toBe(1);
  confirm(0, 1);
  confirm(1, 1);
  reads.applied(1);
  expect(outcomes).toEqual(["a ready"]);
});

describe("time-outs", () => {
  test("a round that nobody answers fails, and its late answer serves nobody", () => {
    read("a");
    reads.flush();
    clock.advance(TIMEOUT_MS - 1);
    read("b");
    reads.expire();
    expect(outcomes).toEqual([]);
    clock.advance(1);
    reads.expire();
    expect(outcomes).toEqual(["a: 14 etcdserver: request timed out"]);
    expect(reads.failedRounds).toBe(1);
    reads.flush();
    confirm(0, 1);
    reads.applied(9);
    expect(outcomes.length).toBe(1);
    confirm(node.reads.length - 1, 1);
    reads.applied(9);
    expect(outcomes.at(-1)).toBe("b ready");
  });

  test("a confirmed round fails too when it is not applied in time", () => {
    read("a");
    reads.flush();
    confirm(0, 100);
    clock.advance(TIMEOUT_MS);
    reads.expire();
    expect(outcomes).toEqual(["a: 14 etcdserver: request timed out"]);
    reads.applied(100);
    expect(outcomes.length).toBe(1);
  });
});

test("a change of leader fails the round under way, not what is confirmed or waits", () => {
  read("confirmed");
  reads.flush();
  confirm(0, 5);
  read("under way");
  reads.flush();
  read("waits");
  reads.leaderChanged();
  expect(outcomes).toEqual(["under way: 14 etcdserver: leader changed"]);
  reads.flush();
  confirm(2, 5);
  reads.applied(5);
  expect(outcomes.slice(1)).toEqual(["confirmed ready", "waits ready"]);
});

test("a stop fails every read in any state, and each later one", () => {
  read("confirmed");
  reads.flush();
  confirm(0, 5);
  read("under way");
  reads.flush();
  read("waits");
  reads.stop();
  read("late");
  const stopped = "14 etcdserver: server stopped";
  expect(outcomes.sort()).toEqual(
    ["confirmed", "late", "under way", "waits"].map((name) => `${name}: ${stopped}`),
  );
});
