import { type ApiErrorName, authpb, type etcdserverpb } from "@kvorum/api";
import { compareBytes, equalBytes, utf8, utf8Text } from "@kvorum/base";
import type { Logger } from "../observe/logger.js";
import { ROOT } from "./auth-info.js";
import type { AuthStore } from "./auth-store.js";
import { goSort } from "./go-sort.js";
import { isValidPermission } from "./range-permissions.js";
import { withoutRole } from "./user-changes.js";

/** The changes of roles that entries ask for; each answers its refusal, or undefined. */
export class RoleChanges {
  readonly #auth: AuthStore;
  readonly #logger: Logger;

  constructor(auth: AuthStore, logger: Logger) {
    this.#auth = auth;
    this.#logger = logger;
  }

  add({ name }: etcdserverpb.AuthRoleAddRequest): ApiErrorName | undefined {
    const { records } = this.#auth;
    if (name === "") return "roleEmpty";
    if (records.role(name) !== undefined) return "roleExists";
    records.putRole({ name: utf8(name), keyPermission: [] });
    this.#auth.changed();
    this.#logger.info("created a role", { "role-name": name });
    return undefined;
  }

  /** Users lose it, too. */
  delete({ role: name }: etcdserverpb.AuthRoleDeleteRequest): ApiErrorName | undefined {
    const { records } = this.#auth;
    if (this.#auth.isEnabled && name === ROOT) return "invalidAuthManagement";
    const role = records.role(name);
    if (role === undefined) return "roleNotFound";
    records.deleteRole(role);
    for (const user of records.users()) {
      if (user.roles.includes(name)) records.putUser(withoutRole(user, name));
    }
    this.#auth.changed();
    this.#logger.info("deleted a role", { "role-name": name });
    return undefined;
  }

  /**
   * Of the permissions that begin with the same key only the first is looked at: if it has the same
   * end, too, its type is replaced, otherwise a new permission is added.
   */
  grant({ name, perm }: etcdserverpb.AuthRoleGrantPermissionRequest): ApiErrorName | undefined {
    const { records } = this.#auth;
    if (perm === undefined) return "permissionNotGiven";
    if (!isValidPermission(perm)) return "invalidAuthManagement";
    const role = records.role(name);
    if (role === undefined) return "roleNotFound";
    const { permType } = perm;
    const granted = { permType, key: Buffer.from(perm.key), rangeEnd: Buffer.from(perm.rangeEnd) };
    const place = role.keyPermission.findIndex(({ key }) => compareBytes(key, perm.key) >= 0);
    const first = role.keyPermission[place];
    const keyPermission = [...role.keyPermission];
    if (first !== undefined && isSameRange(first, perm)) keyPermission[place] = granted;
    else keyPermission.push(granted);
    goSort(keyPermission, (left, right) => compareBytes(left.key, right.key) < 0);
    records.putRole({ ...role, keyPermission });
    this.#auth.changed();
    this.#logger.info("granted/updated a permission to a user", {
      "user-name": name,
      "permission-name": authpb.Permission_Type[permType] ?? "",
      key: utf8Text(perm.key),
      "range-end": utf8Text(perm.rangeEnd),
    });
    return undefined;
  }

  revoke(request: etcdserverpb.AuthRoleRevokePermissionRequest): ApiErrorName | undefined {
    const { records } = this.#auth;
    const role = records.role(request.role);
    if (role === undefined) return "roleNotFound";
    const keyPermission = role.keyPermission.filter((held) => !isSameRange(held, request));
    if (keyPermission.length === role.keyPermission.length) return "permissionNotGranted";
    records.putRole({ ...role, keyPermission });
    this.#auth.changed();
    this.#logger.info("revoked a permission on range", {
      "role-name": request.role,
      key: utf8Text(request.key),
      "range-end": utf8Text(request.rangeEnd),
    });
    return undefined;
  }
}

interface KeyRange {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

function isSameRange(left: KeyRange, right: KeyRange): boolean {
  return equalBytes(left.key, right.key) && equalBytes(left.rangeEnd, right.rangeEnd);
}
