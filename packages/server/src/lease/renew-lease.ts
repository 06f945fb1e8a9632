import { ApiError, etcdserverpb, ProposalField } from "@kvorum/api";
import type { LeaseId } from "@kvorum/base";
import type { RenewCallback } from "@kvorum/mvcc";
import type { OpenedStore } from "../boot/open-store.js";
import type { Proposer } from "../consensus/proposer.js";

const { LeaseCheckpointRequest } = etcdserverpb;

/**
 * Gives a lease its full time again, on the primary. What a checkpoint noted of it is cleared
 * through the log first, so that the next leader doesn't go by it; when that fails, the caller has
 * to ask again as if this were not the primary.
 */
export function renewLease(
  { opened, proposer }: { readonly opened: OpenedStore; readonly proposer: Proposer },
  id: LeaseId,
  done: RenewCallback,
): void {
  const { lessor } = opened;
  if (!lessor.isPrimary || !lessor.hasCheckpoint(id)) {
    lessor.renew(id, done);
    return;
  }
  const checkpoints = [{ ID: id, remainingTTL: 0 }];
  const request = LeaseCheckpointRequest.encode({ checkpoints }).finish();
  try {
    proposer.propose(ProposalField.leaseCheckpoint, request, {
      applied: () => opened.lessor.renew(id, done),
      failed: () => done("notPrimaryLessor"),
    });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // Overloaded or stopping.
    done("notPrimaryLessor");
  }
}
