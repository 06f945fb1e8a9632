import { apiError, decodeProposal } from "@kvorum/api";
import { InvariantError, SimulatedClock } from "@kvorum/base";
import { beforeEach, expect, test } from "vitest";
import type { ProposalOwner } from "../consensus/pending-proposals.js";
import { ProposalIds } from "../consensus/proposal-ids.js";
import type { Proposer } from "../consensus/proposer.js";
import { Publisher } from "./publisher.js";

const MEMBER = { id: 7n, name: "m7", clientUrls: ["http://c"] };
/** Longer than the pause between two attempts. */
const LATER_MS = 1_000;

let clock: SimulatedClock;
let attempts: { data: Uint8Array; low: number; owner: ProposalOwner }[];
let refusal: Error | undefined;
let publisher: Publisher;

beforeEach(() => {
  clock = new SimulatedClock();
  attempts = [];
  refusal = undefined;
  const proposer = {
    proposeEncoded(low: number, data: Uint8Array, owner: ProposalOwner) {
      if (refusal !== undefined) throw refusal;
      attempts.push({ low, data, owner });
    },
  } as Proposer;
  const ids = new ProposalIds({ memberId: 7n, wallMs: 0 });
  publisher = new Publisher({ proposer, ids, clock });
});

test("the attributes are proposed under an id of this member, until they are applied", async () => {
  const published = publisher.publishAttributes(MEMBER);
  const proposal = decodeProposal(attempts[0]!.data);
  expect([proposal.idHigh, proposal.idLow]).toEqual([7, attempts[0]!.low]);
  expect(proposal.other?.clusterMemberAttrSet).toEqual({
    memberID: 7n,
    memberAttributes: { name: "m7", clientUrls: ["http://c"] },
  });
  attempts[0]!.owner.failed(apiError("timeout"));
  clock.advance(LATER_MS);
  expect(attempts.length).toBe(2);
  expect(attempts[1]!.low).not.toBe(attempts[0]!.low);
  attempts[1]!.owner.applied({ kind: "none" });
  await published;
  clock.advance(LATER_MS);
  expect(attempts.length).toBe(2);
});

test("a refusal on the spot is tried again too", async () => {
  refusal = apiError("tooManyRequests");
  const published = publisher.setClusterVersion("3.7.0");
  refusal = undefined;
  clock.advance(LATER_MS);
  expect(decodeProposal(attempts[0]!.data).other?.clusterVersionSet).toEqual({ ver: "3.7.0" });
  attempts[0]!.owner.applied({ kind: "none" });
  await published;
});

test("a broken invariant is not tried again", async () => {
  refusal = new InvariantError("a broken core");
  await expect(publisher.setClusterVersion("3.7.0")).rejects.toThrow(refusal);
});

test("a stopped publisher tries no more", () => {
  publisher.setClusterVersion("3.7.0").catch(() => {});
  attempts[0]!.owner.failed(apiError("stopped"));
  publisher.stop();
  clock.advance(LATER_MS);
  expect(attempts.length).toBe(1);
});
