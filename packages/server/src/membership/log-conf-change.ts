import { type ClusterId, hexId, type MemberId } from "@kvorum/base";
import type { ConfChange } from "@kvorum/raft";
import type { Logger } from "../observe/logger.js";
import type { ConfChangeOutcome } from "./conf-change-applier.js";
import type { Member } from "./member.js";

export interface AppliedConfChange {
  readonly change: ConfChange;
  readonly outcome: ConfChangeOutcome;
  /** The member as it was before, and as it is now. */
  readonly before: Member | undefined;
  readonly after: Member | undefined;
}

/** Says in the log, in etcd's words, what a committed conf change came to. */
export function logConfChange(
  logger: Logger,
  local: { readonly clusterId: ClusterId; readonly memberId: MemberId },
  { change, outcome, before, after }: AppliedConfChange,
): void {
  const ids = {
    "cluster-id": hexId(local.clusterId),
    "local-member-id": hexId(local.memberId),
  };
  if (!outcome.ok) {
    const subject = { "member-id": hexId(change.nodeId), error: outcome.error };
    logger.error("Validation on configuration change failed", { ...ids, ...subject });
    return;
  }
  switch (outcome.kind) {
    case "add":
      logger.info("added member", { ...ids, ...memberFields("added-peer", "peer-urls", after) });
      break;
    case "remove":
      logger.info("removed member", {
        ...ids,
        ...memberFields("removed-remote-peer", "urls", before),
      });
      break;
    case "update":
      logger.info("updated member", {
        ...ids,
        ...memberFields("updated-remote-peer", "urls", after),
      });
      break;
    case "promote":
      logger.info("promote member", { ...ids, "promoted-member-id": hexId(change.nodeId) });
      break;
  }
}

function memberFields(prefix: string, urls: string, member: Member | undefined) {
  return {
    [`${prefix}-id`]: hexId(member?.id ?? 0n),
    [`${prefix}-${urls}`]: member?.peerUrls ?? [],
    [`${prefix}-is-learner`]: member?.isLearner ?? false,
  };
}
