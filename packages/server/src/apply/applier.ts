// Step 9 of the write path: alarms, permissions, then the request.
import {
  ApiError,
  apiError,
  type DecodedProposal,
  etcdserverpb,
  limits,
  type raftinternalpb,
} from "@kvorum/api";
import type { LogIndex } from "@kvorum/base";
import { AuthApplier, refuse } from "../auth/auth-applier.js";
import type { AuthInfo } from "../auth/auth-info.js";
import { RequestRefusals } from "../auth/request-refusals.js";
import type { OpenedStore } from "../boot/open-store.js";
import type { AppliedResponse } from "../consensus/applied-response.js";
import type { Cluster } from "../membership/cluster.js";
import type { Logger } from "../observe/logger.js";
import { putCost, type Quota, txnCost } from "../quota.js";

const { AlarmRequest_AlarmAction: AlarmAction, AlarmType } = etcdserverpb;
const NONE: AppliedResponse = { kind: "none" };

export interface ApplierOptions {
  readonly opened: OpenedStore;
  readonly cluster: Cluster;
  readonly quota: Quota;
  readonly logger: Logger;
  /** The quota was found exceeded while applying: this member should raise NOSPACE. */
  readonly onQuotaExceeded: () => void;
  /** The cluster version or a downgrade was decided. */
  readonly onClusterVersion: (version: string, previous: string) => void;
}

/**
 * Applies one decoded entry to the store: synchronous, and a function of the state and the entry
 * alone, so that every member comes to the same state. A refusal is thrown as an ApiError and is the
 * same on every member; the local size of the engine only decides what the proposer is told.
 */
export class Applier {
  readonly #options: ApplierOptions;
  readonly #auth: AuthApplier;
  readonly #refusals: RequestRefusals;

  constructor(options: ApplierOptions) {
    const { opened, logger } = options;
    this.#options = options;
    this.#auth = new AuthApplier(opened.auth, logger);
    this.#refusals = new RequestRefusals(opened.auth, () => opened.lessor);
  }

  /** @throws ApiError the request was refused; nothing of it was written, unless the text is NOSPACE */
  apply(proposal: DecodedProposal, index: LogIndex): AppliedResponse {
    const { alarms, store, auth } = this.#options.opened;
    if (alarms.has(AlarmType.CORRUPT) && isCorruptCapped(proposal)) throw apiError("corrupt");
    if (proposal.put !== undefined) {
      const cost = putCost(proposal.put);
      this.#refuseWhenCapped(cost);
      if (auth.isEnabled) refuse(this.#refusals.put(userOf(proposal), proposal.put));
      return this.#withinQuota(cost, store.put(proposal.put));
    }
    if (proposal.txn !== undefined) {
      const cost = txnCost(proposal.txn);
      this.#refuseWhenCapped(cost);
      if (auth.isEnabled) refuse(this.#refusals.txn(userOf(proposal), proposal.txn));
      return this.#withinQuota(cost, store.txn(proposal.txn));
    }
    if (proposal.deleteRange !== undefined) {
      const request = proposal.deleteRange;
      if (auth.isEnabled) refuse(this.#refusals.deleteRange(userOf(proposal), request));
      return store.deleteRange(request);
    }
    if (proposal.other === undefined) return NONE;
    return this.#applyOther(proposal.other, userOf(proposal), index);
  }

  #applyOther(
    request: raftinternalpb.InternalRaftRequest,
    who: AuthInfo,
    index: LogIndex,
  ): AppliedResponse {
    const { opened, cluster, onClusterVersion } = this.#options;
    const { store, lessor } = opened;
    if (request.compaction !== undefined) {
      const { done } = store.compact(request.compaction.revision);
      return { kind: "compaction", revision: store.currentRevision, done };
    }
    if (request.leaseGrant !== undefined) return this.#grant(request.leaseGrant);
    if (request.leaseRevoke !== undefined) {
      refuse(this.#refusals.leaseKeys(who, "write", request.leaseRevoke.ID));
      lessor.revoke(request.leaseRevoke.ID, (keys) => store.deleteKeys(keys));
      return { kind: "leaseRevoke" };
    }
    if (request.leaseCheckpoint !== undefined) {
      for (const { ID, remainingTTL } of request.leaseCheckpoint.checkpoints) {
        lessor.checkpoint(ID, remainingTTL);
      }
      return { kind: "leaseCheckpoint" };
    }
    if (request.alarm !== undefined) return this.#alarm(request.alarm);
    if (request.clusterVersionSet !== undefined) {
      const previous = cluster.version;
      cluster.setVersion(request.clusterVersionSet.ver);
      onClusterVersion(request.clusterVersionSet.ver, previous);
    }
    if (request.clusterMemberAttrSet !== undefined) {
      const { memberID, memberAttributes } = request.clusterMemberAttrSet;
      const member = cluster.member(memberID);
      if (member !== undefined) {
        cluster.put({
          ...member,
          name: memberAttributes?.name ?? "",
          clientUrls: memberAttributes?.clientUrls ?? [],
        });
      }
    }
    if (request.downgradeInfoSet !== undefined) {
      const { enabled, ver } = request.downgradeInfoSet;
      cluster.setDowngrade({ enabled, targetVersion: enabled ? ver : "" });
    }
    return this.#auth.apply(request, who, index) ?? NONE;
  }

  #grant(request: etcdserverpb.LeaseGrantRequest): AppliedResponse {
    const cost = limits.quotaLeaseBytes;
    this.#refuseWhenCapped(cost);
    const ttl = this.#options.opened.lessor.grant(request.ID, request.TTL);
    return this.#withinQuota(cost, { kind: "leaseGrant", id: request.ID, ttl });
  }

  #alarm(request: etcdserverpb.AlarmRequest): AppliedResponse {
    const { alarms } = this.#options.opened;
    const alarm = { memberID: request.memberID, alarm: request.alarm };
    switch (request.action) {
      case AlarmAction.GET:
        return { kind: "alarm", alarms: alarms.list(request.alarm) };
      case AlarmAction.ACTIVATE:
        return { kind: "alarm", alarms: alarms.activate(alarm) };
      case AlarmAction.DEACTIVATE:
        return { kind: "alarm", alarms: alarms.deactivate(alarm) };
      default:
        return { kind: "alarm", alarms: [] };
    }
  }

  #refuseWhenCapped(cost: number): void {
    if (cost > 0 && this.#options.opened.alarms.has(AlarmType.NOSPACE)) throw apiError("noSpace");
  }

  /** The write stands either way; its proposer is told that the space is used up. */
  #withinQuota(cost: number, response: AppliedResponse): AppliedResponse {
    const { quota, onQuotaExceeded } = this.#options;
    if (quota.allows(cost)) return response;
    onQuotaExceeded();
    throw apiError("noSpace");
  }
}

function userOf({ username, authRevision }: DecodedProposal): AuthInfo {
  return { username, revision: authRevision };
}

/** Under a CORRUPT alarm these are refused; alarms, auth and membership still work. */
function isCorruptCapped(proposal: DecodedProposal): boolean {
  const { other } = proposal;
  return (
    proposal.put !== undefined ||
    proposal.txn !== undefined ||
    proposal.deleteRange !== undefined ||
    other?.range !== undefined ||
    other?.compaction !== undefined ||
    other?.leaseGrant !== undefined ||
    other?.leaseRevoke !== undefined
  );
}

/** Applying must end in a response or in a refusal of the table; anything else is a broken state. */
export function isRefusal(error: unknown): error is ApiError {
  return error instanceof ApiError;
}
