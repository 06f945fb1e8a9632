import { type ProposalField, type ProposalUser, raftinternalpb } from "@kvorum/api";
import type { AppliedResponse } from "./applied-response.js";
import type { ProposalOwner } from "./pending-proposals.js";
import type { ProposalIds } from "./proposal-ids.js";
import type { Proposer } from "./proposer.js";

/**
 * Proposes what this member wants of its own accord; resolves when it is applied here.
 * @throws ApiError why it was refused, not accepted or not applied in time
 */
export function proposeOnce(
  proposer: Proposer,
  field: ProposalField,
  request: Uint8Array,
): Promise<AppliedResponse> {
  return new Promise((resolve, reject) => {
    proposer.propose(field, request, { applied: resolve, failed: reject });
  });
}

const { InternalRaftRequest } = raftinternalpb;

/**
 * The same for a request that no client's own message stands for.
 * @throws ApiError as `proposeOnce`
 */
export function proposeInternal(
  { proposer, ids }: { readonly proposer: Proposer; readonly ids: ProposalIds },
  request: Partial<raftinternalpb.InternalRaftRequest>,
): Promise<AppliedResponse> {
  return new Promise((resolve, reject) => {
    proposeRequest({ proposer, ids }, request, { applied: resolve, failed: reject });
  });
}

/**
 * Proposes a request of any kind.
 * @param user on whose behalf, with authentication on
 * @throws ApiError tooManyRequests | requestTooLarge | stopped; the owner is then not called
 */
export function proposeRequest(
  { proposer, ids }: { readonly proposer: Proposer; readonly ids: ProposalIds },
  request: Partial<raftinternalpb.InternalRaftRequest>,
  owner: ProposalOwner,
  user: ProposalUser = { username: "", revision: 0 },
): void {
  const id = ids.next();
  const data = InternalRaftRequest.encode({
    ...InternalRaftRequest.decode(new Uint8Array()),
    ...request,
    header: { ID: id, username: user.username, authRevision: user.revision },
  }).finish();
  proposer.proposeEncoded(Number(BigInt.asUintN(48, id)), data, owner);
}
