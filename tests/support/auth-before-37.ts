import type { etcdserverpb } from "@kvorum/api";
import type { AuthOp } from "./random-auth-ops.js";

/** Requests that etcd before 3.7 allows to others, does not know, or answers with other fields. */
const OTHERS: ReadonlySet<AuthOp["name"]> = new Set<AuthOp["name"]>([
  ...(["authStatus", "alarm", "compact", "hashKV", "moveLeader"] as const),
  ...(["memberAdd", "memberRemove"] as const),
  ...(["leaseGrant", "leaseRevoke", "leaseTimeToLive", "leaseLeases"] as const),
  // While authentication is off 3.4 refuses tokens of the time before.
  "authDisable",
  // 3.4 lets transactions read previous values, and do anything in nested ones, without permission.
  "txn",
]);

const PASSWORD_BYTES_MAX = 72;

/**
 * Whether etcd 3.4 and later answer a request with authentication as 3.7 does, once it is on. What is
 * left out was found by comparing: 3.4 takes ranges that end before they begin as permissions, and
 * searches for them in a tree of another shape; it hashes passwords after it has looked who asks, and
 * knows no hashes made by clients; it shows what was granted to the role "root", who may do all.
 */
export function isOfAllVersions({ name, caller, request }: AuthOp): boolean {
  if (OTHERS.has(name) || caller.kind === "stranger") return false;
  switch (name) {
    case "userAdd": {
      const { password } = request as etcdserverpb.AuthUserAddRequest;
      return password.length <= PASSWORD_BYTES_MAX;
    }
    case "userChangePassword": {
      const { password } = request as etcdserverpb.AuthUserChangePasswordRequest;
      return password !== "" && password.length <= PASSWORD_BYTES_MAX;
    }
    case "roleGrantPermission": {
      const { perm } = request as etcdserverpb.AuthRoleGrantPermissionRequest;
      return perm !== undefined && perm.key.length > 0 && isSensible(perm);
    }
    case "roleGet":
      return (request as etcdserverpb.AuthRoleGetRequest).role !== "root";
    case "range":
    case "deleteRange":
      return isSensible(request as KeyRange);
    default:
      return true;
  }
}

interface KeyRange {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

function isSensible({ key, rangeEnd }: KeyRange): boolean {
  const isOpen = rangeEnd.length === 1 && rangeEnd[0] === 0;
  return rangeEnd.length === 0 || isOpen || Buffer.compare(key, rangeEnd) < 0;
}
