import type { etcdserverpb, RawResponse } from "@kvorum/api";
import type { LeaseId, MainRevision } from "@kvorum/base";
import type { AuthApplied } from "../auth/auth-applier.js";

/** What applying an entry gave, for the proposer that waits for it on this member. */
export type AppliedResponse =
  | RawResponse
  | { readonly kind: "compaction"; readonly revision: MainRevision; readonly done: Promise<void> }
  | { readonly kind: "leaseGrant"; readonly id: LeaseId; readonly ttl: number }
  | { readonly kind: "leaseRevoke" }
  | { readonly kind: "leaseCheckpoint" }
  | { readonly kind: "alarm"; readonly alarms: readonly etcdserverpb.AlarmMember[] }
  | AuthApplied
  | { readonly kind: "none" };
