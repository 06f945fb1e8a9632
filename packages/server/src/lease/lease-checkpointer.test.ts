import { raftinternalpb } from "@kvorum/api";
import { InvariantError, SimulatedClock } from "@kvorum/base";
import { type BufferedStore, Lessor } from "@kvorum/mvcc";
import { beforeEach, expect, test } from "vitest";
import type { OpenedStore } from "../boot/open-store.js";
import { ProposalIds } from "../consensus/proposal-ids.js";
import { Proposer } from "../consensus/proposer.js";
import { FakeNode } from "../consensus/testing/fake-node.js";
import { LeaseCheckpointer } from "./lease-checkpointer.js";
import { LeaseExpirer } from "./lease-expirer.js";
import { renewLease } from "./renew-lease.js";

const records: Partial<BufferedStore> = { put() {}, delete() {} };
const store = records as BufferedStore;
const MINUTE_MS = 60_000;
const INTERVAL_MS = 5 * MINUTE_MS;

let clock: SimulatedClock;
let lessor: Lessor;
let proposer: Proposer;
let ids: ProposalIds;
let opened: OpenedStore;
let checkpointer: LeaseCheckpointer;
let proposed: raftinternalpb.InternalRaftRequest[];

/** The core takes what is proposed; `commit` applies it. */
class KeepingNode extends FakeNode {
  override propose(data: readonly Uint8Array[]) {
    if (this.answer.ok) {
      proposed.push(...data.map((bytes) => raftinternalpb.InternalRaftRequest.decode(bytes)));
    }
    return this.answer;
  }
}

let node: KeepingNode;

beforeEach(() => {
  clock = new SimulatedClock();
  proposed = [];
  node = new KeepingNode();
  lessor = new Lessor({
    clock,
    ...{ minTtlSeconds: 2, checkpointIntervalMs: INTERVAL_MS },
    store,
  });
  ids = new ProposalIds({ memberId: 1n, wallMs: 0 });
  proposer = new Proposer({
    ...{ node, clock, ids, wake: () => {} },
    requestBytesMax: 1_000_000,
    requestTimeoutMs: 7_000,
  });
  opened = { lessor } as Partial<OpenedStore> as OpenedStore;
  checkpointer = new LeaseCheckpointer({ clock, proposer, opened });
  lessor.promote(0);
});

/** Applies what was proposed. */
function commit(): string[] {
  proposer.flush();
  return proposed.splice(0).flatMap((request) => {
    const checkpoints = request.leaseCheckpoint?.checkpoints ?? [];
    for (const { ID, remainingTTL } of checkpoints) lessor.checkpoint(ID, remainingTTL);
    const { ID = 0n } = request.header ?? {};
    const low = Number(BigInt.asUintN(48, ID));
    proposer.take(ids.high, low)?.applied({ kind: "leaseCheckpoint" });
    return checkpoints.map(({ ID: lease, remainingTTL }) => `${lease}: ${remainingTTL}`);
  });
}

test("what remains of long leases is noted every five minutes, of short ones never", () => {
  lessor.grant(1n, 3_600);
  lessor.grant(2n, 200);
  clock.advance(INTERVAL_MS + 500);
  expect(commit()).toEqual(["1: 3300"]);
  clock.advance(INTERVAL_MS);
  expect(commit()).toEqual(["1: 3000"]);
  expect(lessor.hasCheckpoint(1n)).toBe(true);
});

test("one proposal at a time; one that fails is no end of it", () => {
  lessor.grant(1n, 3_600);
  clock.advance(INTERVAL_MS + 500);
  lessor.grant(2n, 3_600);
  clock.advance(INTERVAL_MS + 500);
  expect(commit()).toEqual(["1: 3300"]);
  expect(commit()).toEqual(["2: 3300"]);
});

test("a stopped one, or a member that doesn't lead, notes nothing", () => {
  lessor.grant(1n, 3_600);
  lessor.demote();
  clock.advance(2 * INTERVAL_MS);
  expect(commit()).toEqual([]);
  lessor.promote(0);
  checkpointer.stop();
  clock.advance(2 * INTERVAL_MS);
  expect(commit()).toEqual([]);
});

test("a renewal clears the note through the log first, and costs nothing without one", () => {
  const outcomes: unknown[] = [];
  const renew = () => renewLease({ opened, proposer }, 1n, (outcome) => outcomes.push(outcome));
  lessor.grant(1n, 3_600);
  renew();
  expect(outcomes).toEqual([3_600]);
  clock.advance(INTERVAL_MS + 500);
  commit();
  renew();
  expect(outcomes).toEqual([3_600]);
  expect(commit()).toEqual(["1: 0"]);
  expect(outcomes).toEqual([3_600, 3_600]);
  expect(lessor.timeToLive(1n)?.ttlSeconds).toBe(3_600);
});

test("a renewal whose note can't be cleared has to be asked for again", () => {
  const outcomes: unknown[] = [];
  lessor.grant(1n, 3_600);
  clock.advance(INTERVAL_MS + 500);
  commit();
  node.answer = { ok: false, reason: "transferring" };
  renewLease({ opened, proposer }, 1n, (outcome) => outcomes.push(outcome));
  proposer.flush();
  expect(outcomes).toEqual(["notPrimaryLessor"]);
});

test("a broken invariant is caught by nothing that proposes for leases", () => {
  const broken = new InvariantError("a broken core");
  proposer.propose = () => {
    throw broken;
  };
  lessor.grant(1n, 3_600);
  expect(() => clock.advance(INTERVAL_MS)).toThrow(broken);
  lessor.checkpoint(1n, 600);
  expect(() => renewLease({ opened, proposer }, 1n, () => {})).toThrow(broken);
  checkpointer.stop();
  const auth = { rootInfo: () => undefined };
  const store = { lessor, auth } as unknown as OpenedStore;
  const expirer = new LeaseExpirer({ opened: store, proposer, clock, isLeader: () => true });
  expect(() => clock.advance(2 * 3_600_000)).toThrow(broken);
  expirer.stop();
});
