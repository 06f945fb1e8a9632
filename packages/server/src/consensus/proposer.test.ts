import { ProposalField } from "@kvorum/api";
import { SimulatedClock } from "@kvorum/base";
import { beforeEach, describe, expect, test } from "vitest";
import { serverLimits } from "../limits.js";
import { ProposalIds } from "./proposal-ids.js";
import { Proposer } from "./proposer.js";
import { FakeNode } from "./testing/fake-node.js";

const TIMEOUT_MS = 7_000;
const REQUEST_BYTES_MAX = 100;

let node: FakeNode;
let clock: SimulatedClock;
let ids: ProposalIds;
let proposer: Proposer;
let wakes: number;
let outcomes: string[];

beforeEach(() => {
  node = new FakeNode();
  clock = new SimulatedClock();
  ids = new ProposalIds({ memberId: 1n, wallMs: 0 });
  wakes = 0;
  outcomes = [];
  proposer = new Proposer({
    ...{ node, ids, clock },
    requestBytesMax: REQUEST_BYTES_MAX,
    requestTimeoutMs: TIMEOUT_MS,
    wake: () => void wakes++,
  });
});

/** Proposes `text` as it is; returns its id. */
function propose(text: string): number {
  const low = ids.nextLow();
  proposer.proposeEncoded(low, Buffer.from(text), {
    applied: () => void outcomes.push(`${text} applied`),
    failed: (error) => void outcomes.push(`${text}: ${error.code} ${error.message}`),
  });
  return low;
}

test("proposals of one turn go to the core together, in order, and wake the loop", () => {
  propose("a");
  propose("b");
  expect(node.proposed).toEqual([]);
  expect(wakes).toBe(2);
  expect(proposer.queuedBytes).toBe(2);
  proposer.flush();
  proposer.flush();
  propose("c");
  proposer.flush();
  expect(node.proposed).toEqual([["a", "b"], ["c"]]);
  expect(proposer.stat()).toEqual({ pending: 3, failed: 0 });
});

test("an applied proposal finds its owner by both halves of the id", () => {
  const low = propose("a");
  expect(proposer.take(ids.high + 1, low)).toBe(undefined);
  proposer.take(ids.high, low)?.applied({ kind: "none" });
  expect(outcomes).toEqual(["a applied"]);
  expect(proposer.take(ids.high, low)).toBe(undefined);
});

describe("time-outs", () => {
  test("one that was accepted ends with 'request timed out'", () => {
    propose("a");
    proposer.flush();
    clock.advance(TIMEOUT_MS);
    proposer.expire();
    expect(outcomes).toEqual([]);
    clock.advance(1);
    proposer.expire();
    expect(outcomes).toEqual(["a: 14 etcdserver: request timed out"]);
    expect(proposer.stat()).toEqual({ pending: 0, failed: 1 });
  });

  test("one that was accepted tells the presumed cause, by when it was made", () => {
    const starts: number[] = [];
    proposer = new Proposer({
      ...{ node, ids, clock, wake: () => {} },
      requestBytesMax: REQUEST_BYTES_MAX,
      requestTimeoutMs: TIMEOUT_MS,
      timeoutCause: (startMs) => {
        starts.push(startMs);
        return startMs < 50 ? "timeoutLeaderFailed" : "timeoutConnectionLost";
      },
    });
    propose("a");
    clock.advance(100);
    propose("b");
    proposer.flush();
    clock.advance(TIMEOUT_MS + 1);
    proposer.expire();
    expect(starts).toEqual([0, 100]);
    expect(outcomes).toEqual([
      "a: 14 etcdserver: request timed out, possibly due to previous leader failure",
      "b: 14 etcdserver: request timed out, possibly due to connection lost",
    ]);
  });

  test("one that waited for a leader in vain ends with 'context deadline exceeded'", () => {
    node.leader = 0n;
    propose("a");
    proposer.flush();
    clock.advance(TIMEOUT_MS + 1);
    proposer.expire();
    expect(outcomes).toEqual(["a: 4 context deadline exceeded"]);
    node.leader = 1n;
    proposer.flush();
    expect(node.proposed, "nobody waits for it any more").toEqual([]);
  });

  test("what timed out without a leader is not proposed later, what waits still is", () => {
    node.leader = 0n;
    propose("old");
    proposer.flush();
    clock.advance(TIMEOUT_MS);
    propose("new");
    clock.advance(1);
    proposer.expire();
    expect(outcomes).toEqual(["old: 4 context deadline exceeded"]);
    expect(proposer.queuedBytes).toBe("new".length);
    node.leader = 1n;
    proposer.flush();
    expect(node.proposed).toEqual([["new"]]);
  });

  test("one that waited for a leader goes on when there is one", () => {
    node.leader = 0n;
    propose("a");
    proposer.flush();
    node.leader = 2n;
    node.answer = { ok: false, reason: "no-leader" };
    proposer.flush();
    expect(outcomes).toEqual([]);
    node.answer = { ok: true };
    proposer.flush();
    expect(node.proposed).toEqual([["a"]]);
  });
});

describe("refusals", () => {
  test("more than 5,000 entries behind: too many requests", () => {
    node.appliedIndex = 10;
    node.committedIndex = 10 + serverLimits.applyGapEntriesMax;
    propose("a");
    node.committedIndex++;
    expect(() => propose("b")).toThrow("etcdserver: too many requests");
    expect(proposer.stat().pending).toBe(1);
  });

  test("an entry above --max-request-bytes is too large; at the bound it is not", () => {
    propose("x".repeat(REQUEST_BYTES_MAX));
    expect(() => propose("x".repeat(REQUEST_BYTES_MAX + 1))).toThrow(
      "etcdserver: request is too large",
    );
    const owner = { applied: () => {}, failed: () => {} };
    const request = Buffer.alloc(REQUEST_BYTES_MAX);
    expect(() => proposer.propose(ProposalField.put, request, owner)).toThrow("too large");
  });

  test("what the core drops fails at once, with the whole batch", () => {
    propose("a");
    propose("b");
    node.answer = { ok: false, reason: "transferring" };
    proposer.flush();
    expect(outcomes).toEqual(["a: 2 raft proposal dropped", "b: 2 raft proposal dropped"]);
    expect(proposer.stat()).toEqual({ pending: 0, failed: 2 });
  });

  test("a stopped proposer fails what waits and refuses the rest", () => {
    propose("a");
    proposer.stop();
    expect(outcomes).toEqual(["a: 14 etcdserver: server stopped"]);
    expect(() => propose("b")).toThrow("etcdserver: server stopped");
  });
});
