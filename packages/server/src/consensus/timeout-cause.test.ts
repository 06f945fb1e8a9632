import type { MemberId } from "@kvorum/base";
import { SimulatedClock } from "@kvorum/base";
import { beforeEach, expect, test } from "vitest";
import { TimeoutCause } from "./timeout-cause.js";

const ELECTION_TIMEOUT_MS = 1_000;

let clock: SimulatedClock;
let node: { id: MemberId; leader: MemberId };
let connectedSince: Map<MemberId, number>;
let members: MemberId[];
let cause: TimeoutCause;

beforeEach(() => {
  clock = new SimulatedClock();
  node = { id: 1n, leader: 0n };
  connectedSince = new Map();
  members = [1n, 2n, 3n];
  cause = new TimeoutCause({
    ...{ node, clock },
    electionTimeoutMs: ELECTION_TIMEOUT_MS,
    connectedSinceMs: (id) => connectedSince.get(id),
    members: () => members,
  });
});

function elect(leader: MemberId): void {
  node.leader = leader;
  cause.leaderIs(leader);
}

test("made within two election time-outs before the election: the leader before failed", () => {
  clock.advance(10_000);
  connectedSince.set(2n, 0);
  elect(1n);
  expect([7_999, 8_000, 8_001, 9_999, 10_000, 10_001].map((ms) => cause.of(ms))).toEqual([
    ...["timeout", "timeout"],
    ...["timeoutLeaderFailed", "timeoutLeaderFailed"],
    ...["timeout", "timeout"],
  ]);
});

test("only an election after another leader or none counts, and only one of this member", () => {
  clock.advance(10_000);
  connectedSince.set(2n, 0);
  elect(1n);
  clock.advance(10_000);
  elect(1n);
  expect(cause.of(19_500)).toBe("timeout");
  elect(0n);
  elect(2n);
  expect(cause.of(19_500)).toBe("timeout");
  elect(1n);
  expect(cause.of(19_500)).toBe("timeoutLeaderFailed");
});

test("a follower that was not connected to the leader all the time", () => {
  elect(2n);
  expect(cause.of(5_000)).toBe("timeoutConnectionLost");
  connectedSince.set(2n, 5_001);
  expect(cause.of(5_000)).toBe("timeoutConnectionLost");
  connectedSince.set(2n, 4_999);
  expect(cause.of(5_000)).toBe("timeout");
});

test("a leader that was not connected to a quorum all the time", () => {
  elect(1n);
  expect(cause.of(5_000)).toBe("timeoutConnectionLost");
  connectedSince.set(3n, 10);
  expect(cause.of(5_000)).toBe("timeout");
  members = [1n, 2n, 3n, 4n];
  expect(cause.of(5_000)).toBe("timeoutConnectionLost");
  members = [1n];
  expect(cause.of(5_000)).toBe("timeout");
});

test("without a leader nothing is known", () => {
  expect(cause.of(5_000)).toBe("timeout");
  elect(2n);
  elect(0n);
  expect(cause.of(5_000)).toBe("timeout");
});
