import type { ApiErrorName } from "@kvorum/api";
import { SimulatedClock } from "@kvorum/base";
import {
  type ConfChange,
  ConfChangeType,
  type ConfChangeV2,
  type ProposalResult,
} from "@kvorum/raft";
import { beforeEach, expect, test } from "vitest";
import { ProposalIds } from "../consensus/proposal-ids.js";
import { FakeNode } from "../consensus/testing/fake-node.js";
import { serverLimits } from "../limits.js";
import { ConfChanges } from "./conf-changes.js";

const TIMEOUT_MS = 7_000;

class Node extends FakeNode {
  readonly changes: ConfChange[] = [];
  override proposeConfChange(change: ConfChange | ConfChangeV2): ProposalResult {
    if (this.answer.ok && "nodeId" in change) this.changes.push(change);
    return this.answer;
  }
}

let node: Node;
let clock: SimulatedClock;
let changes: ConfChanges;
let refusal: ApiErrorName | undefined;
let caller: { cancelled: boolean };

beforeEach(() => {
  node = new Node();
  clock = new SimulatedClock();
  refusal = undefined;
  caller = { cancelled: false };
  const ids = new ProposalIds({ memberId: 1n, wallMs: 0 });
  changes = new ConfChanges({ node, ids, clock, timeoutMs: TIMEOUT_MS, wake: () => {} });
});

/** How a removal went so far. */
function remove(nodeId: bigint): { outcome: string } {
  const state = { outcome: "waiting" };
  const change = { type: ConfChangeType.RemoveNode, nodeId, context: new Uint8Array(0) };
  changes.propose(change, { check: () => refusal, caller }).then(
    () => {
      state.outcome = "done";
    },
    (error: Error) => {
      state.outcome = error.message;
    },
  );
  return state;
}

const proposedIds = () => node.changes.map(({ nodeId }) => nodeId);
const UNAPPLIED: ProposalResult = { ok: false, reason: "unapplied-conf-change" };

async function appliedOk(at: number): Promise<void> {
  changes.applied(node.changes[at]!.id, { ok: true, kind: "remove" });
  await clock.run(0);
}

test("a change right behind another is proposed once that is applied", async () => {
  const first = remove(5n);
  const second = remove(6n);
  expect(proposedIds()).toEqual([5n]);
  node.answer = UNAPPLIED;
  await appliedOk(0);
  changes.retry();
  expect(proposedIds()).toEqual([5n]);
  node.answer = { ok: true };
  changes.retry();
  expect(proposedIds()).toEqual([5n, 6n]);
  expect([first.outcome, second.outcome]).toEqual(["done", "waiting"]);
  await appliedOk(1);
  expect(second.outcome).toBe("done");
});

test("what was allowed before the change ahead of it is checked anew", async () => {
  node.answer = UNAPPLIED;
  const second = remove(6n);
  node.answer = { ok: true };
  refusal = "unhealthy";
  changes.retry();
  await clock.run(0);
  expect(second.outcome).toBe("etcdserver: unhealthy cluster");
  expect(node.changes).toEqual([]);
});

test("a change that the leader dropped is proposed again, with the same id", async () => {
  node.isLeader = false;
  const change = remove(5n);
  await clock.run(1_000);
  expect(proposedIds()).toEqual([5n]);
  changes.emptyEntry({ opensTerm: false });
  await clock.run(1_000);
  expect(proposedIds()).toEqual([5n, 5n]);
  expect(node.changes[1]).toEqual(node.changes[0]);
  await appliedOk(1);
  expect(change.outcome).toBe("done");
});

test("the leader's own change stands in its log, whatever it drops", async () => {
  remove(5n);
  changes.emptyEntry({ opensTerm: false });
  await clock.run(1_000);
  expect(proposedIds()).toEqual([5n]);
});

test("what a lost leader had is proposed to the next", async () => {
  remove(5n);
  changes.emptyEntry({ opensTerm: true });
  await clock.run(1_000);
  expect(proposedIds()).toEqual([5n, 5n]);
});

test("a proposal that got lost on its way is made again after the time-out", async () => {
  node.isLeader = false;
  remove(5n);
  await clock.run(TIMEOUT_MS - 200);
  expect(proposedIds()).toEqual([5n]);
  await clock.run(400);
  expect(proposedIds()).toEqual([5n, 5n]);
});

test("without a leader a change waits, unless its caller goes", async () => {
  node.leader = 0n;
  const kept = remove(5n);
  await clock.run(60_000);
  expect([kept.outcome, node.changes.length]).toEqual(["waiting", 0]);
  caller.cancelled = true;
  await clock.run(200);
  node.leader = 2n;
  changes.retry();
  await clock.run(60_000);
  expect(kept.outcome).toBe("etcdserver: request timed out");
  expect(node.changes).toEqual([]);
});

test("a leadership that is being moved only delays a change", async () => {
  node.answer = { ok: false, reason: "transferring" };
  remove(5n);
  node.answer = { ok: true };
  await clock.run(200);
  expect(proposedIds()).toEqual([5n]);
});

test("stopping fails what waits", async () => {
  const change = remove(5n);
  changes.stop();
  await clock.run(0);
  expect(change.outcome).toBe("etcdserver: server stopped");
});

test("changes beyond the bound are refused, until one of those that wait is over", async () => {
  const { confChangesWaitingMax } = serverLimits;
  const first = Array.from({ length: confChangesWaitingMax }, () => remove(2n));
  const refused = remove(3n);
  await clock.run(0);
  expect(refused.outcome).toBe("etcdserver: too many requests");
  await appliedOk(0);
  expect(first[0]!.outcome).toBe("done");
  const taken = remove(4n);
  await clock.run(0);
  expect(taken.outcome).toBe("waiting");
});
