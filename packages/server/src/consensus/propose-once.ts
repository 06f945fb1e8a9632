import { type ProposalField, type ProposalUser, raftinternalpb } from "@kvorum/api";
import type { AppliedResponse } from "./applied-response.js";
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
  user: ProposalUser = { username: "", revision: 0 },
): Promise<AppliedResponse> {
  const id = ids.next();
  const data = InternalRaftRequest.encode({
    ...InternalRaftRequest.decode(new Uint8Array()),
    ...request,
    header: { ID: id, username: user.username, authRevision: user.revision },
  }).finish();
  const low = Number(BigInt.asUintN(48, id));
  return new Promise((resolve, reject) => {
    proposer.proposeEncoded(low, data, { applied: resolve, failed: reject });
  });
}
