import { apiError } from "@kvorum/api";
import { expect, test } from "vitest";
import type { AppliedResponse } from "./applied-response.js";
import { PendingProposals } from "./pending-proposals.js";

function recordingOwner() {
  const calls: string[] = [];
  return {
    calls,
    applied: (response: AppliedResponse) => void calls.push(response.kind),
    failed: (error: Error) => void calls.push(error.message),
  };
}

test("a proposal is taken once, by its id", () => {
  const pending = new PendingProposals();
  const owner = recordingOwner();
  pending.add(7, owner, 0);
  expect(pending.take(8)).toBe(undefined);
  expect(pending.take(7)).toBe(owner);
  expect(pending.take(7)).toBe(undefined);
  expect(pending.size).toBe(0);
});

test("only those that began before the time expire, oldest first, told whether accepted", () => {
  const pending = new PendingProposals();
  const owners = [recordingOwner(), recordingOwner(), recordingOwner()];
  owners.forEach((owner, i) => void pending.add(i, owner, i * 10));
  pending.acceptedTo(0);
  const expired: [object, boolean][] = [];
  pending.expire(20, (owner, accepted) => void expired.push([owner, accepted]));
  expect(expired).toEqual([
    [owners[0], true],
    [owners[1], false],
  ]);
  expect(pending.take(2)).toBe(owners[2]);
});

test("all fail together, also those that are added meanwhile stay", () => {
  const pending = new PendingProposals();
  const late = recordingOwner();
  const owner = recordingOwner();
  const failed = owner.failed;
  owner.failed = (error) => {
    failed(error);
    pending.add(2, late, 0);
  };
  pending.add(1, owner, 0);
  pending.failAll(() => apiError("stopped"));
  expect(owner.calls).toEqual(["etcdserver: server stopped"]);
  expect(late.calls).toEqual([]);
  expect(pending.size).toBe(1);
});
