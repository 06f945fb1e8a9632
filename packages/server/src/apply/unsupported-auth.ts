import type { raftinternalpb } from "@kvorum/api";
import { StorageError } from "../storage/storage-error.js";

/**
 * Kvorum doesn't enforce etcd's authentication yet. Serving a store whose users and roles were set
 * up to protect it would open it to everyone, so such a store is refused, and so is an entry of an
 * etcd member that would set them up here.
 */

const AUTH_ENABLED_KEY = Buffer.from("authEnabled");

/** @throws StorageError when the store has authentication enabled */
export function refuseStoreWithAuth(
  get: (bucket: "auth", key: Uint8Array) => Uint8Array | undefined,
  dataDir: string,
): void {
  if (get("auth", AUTH_ENABLED_KEY)?.[0] !== 1) return;
  throw new StorageError(
    "FOREIGN_DATA",
    `the store in ${dataDir} has authentication enabled, which Kvorum doesn't enforce yet: it ` +
      "would serve everything to everyone. Run `etcdctl auth disable` on the etcd that the data " +
      "come from, save the snapshot again, and restore that one. Nothing was changed.",
    { path: dataDir },
  );
}

/** @throws Error for an entry that changes users, roles or whether they count: the member must end */
export function refuseAuthEntry(request: raftinternalpb.InternalRaftRequest): void {
  const found = AUTH_CHANGES.find((name) => request[name] !== undefined);
  if (found === undefined) return;
  throw new Error(
    `a member of the cluster changed its authentication (${found}), which Kvorum doesn't support ` +
      "yet: this member can't go on as an equal of the others. Remove it from the cluster, or undo " +
      "the change before Kvorum members are added.",
  );
}

const AUTH_CHANGES = [
  "authEnable",
  "authUserAdd",
  "authUserDelete",
  "authUserChangePassword",
  "authUserGrantRole",
  "authUserRevokeRole",
  "authRoleAdd",
  "authRoleDelete",
  "authRoleGrantPermission",
  "authRoleRevokePermission",
] as const satisfies readonly (keyof raftinternalpb.InternalRaftRequest)[];
