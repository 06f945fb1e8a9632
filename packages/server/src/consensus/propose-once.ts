import type { ProposalField } from "@kvorum/api";
import type { AppliedResponse } from "./applied-response.js";
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
