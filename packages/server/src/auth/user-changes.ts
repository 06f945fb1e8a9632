import type { ApiErrorName, authpb, etcdserverpb } from "@kvorum/api";
import { compareBytes, utf8 } from "@kvorum/base";
import type { Logger } from "../observe/logger.js";
import { ROOT } from "./auth-info.js";
import type { AuthStore } from "./auth-store.js";
import { decodeBase64 } from "./base64.js";
import { hashNow } from "./passwords.js";

/** The changes of users that entries ask for; each answers its refusal, or undefined. */
export class UserChanges {
  readonly #auth: AuthStore;
  readonly #logger: Logger;

  constructor(auth: AuthStore, logger: Logger) {
    this.#auth = auth;
    this.#logger = logger;
  }

  add(request: etcdserverpb.AuthUserAddRequest): ApiErrorName | undefined {
    const { records } = this.#auth;
    if (request.name === "") return "userEmpty";
    if (records.user(request.name) !== undefined) return "userExists";
    const options = { noPassword: request.options?.noPassword ?? false };
    const password = options.noPassword ? new Uint8Array(0) : passwordOf(request);
    if (password === undefined) return "noPasswordUser";
    records.putUser({ name: utf8(request.name), password, roles: [], options });
    this.#auth.changed();
    this.#logger.info("added a user", { "user-name": request.name });
    return undefined;
  }

  delete({ name }: etcdserverpb.AuthUserDeleteRequest): ApiErrorName | undefined {
    const { records, tokens } = this.#auth;
    if (this.#auth.isEnabled && name === ROOT) return "invalidAuthManagement";
    const user = records.user(name);
    if (user === undefined) return "userNotFound";
    records.deleteUser(user);
    this.#auth.changed();
    tokens.forget(name);
    this.#logger.info("deleted a user", { "user-name": name, "user-roles": user.roles });
    return undefined;
  }

  changePassword(request: etcdserverpb.AuthUserChangePasswordRequest): ApiErrorName | undefined {
    const { records, tokens } = this.#auth;
    const { name } = request;
    const user = records.user(name);
    if (user === undefined) return "userNotFound";
    const password = user.options?.noPassword ? new Uint8Array(0) : passwordOf(request);
    if (password === undefined) return "noPasswordUser";
    records.putUser({ ...user, password });
    this.#auth.changed();
    tokens.forget(name);
    const message = "changed a password of a user";
    this.#logger.info(message, { "user-name": name, "user-roles": user.roles });
    return undefined;
  }

  /** A role that the user has already changes nothing, and the revision neither. */
  grantRole(request: etcdserverpb.AuthUserGrantRoleRequest): ApiErrorName | undefined {
    const { records } = this.#auth;
    const user = records.user(request.user);
    if (user === undefined) return "userNotFound";
    const { role } = request;
    if (role !== ROOT && records.role(role) === undefined) return "roleNotFound";
    const fields = { "user-name": request.user, "user-roles": user.roles };
    if (user.roles.includes(role)) {
      const message = "ignored grant role request to a user";
      this.#logger.warn(message, { ...fields, "duplicate-role-name": role });
      return undefined;
    }
    const roles = [...user.roles, role].sort((left, right) =>
      compareBytes(utf8(left), utf8(right)),
    );
    records.putUser({ ...user, roles });
    this.#auth.changed();
    this.#logger.info("granted a role to a user", { ...fields, "added-role-name": role });
    return undefined;
  }

  revokeRole({ name, role }: etcdserverpb.AuthUserRevokeRoleRequest): ApiErrorName | undefined {
    const { records } = this.#auth;
    if (this.#auth.isEnabled && name === ROOT && role === ROOT) return "invalidAuthManagement";
    const user = records.user(name);
    if (user === undefined) return "userNotFound";
    if (!user.roles.includes(role)) return "roleNotGranted";
    records.putUser(withoutRole(user, role));
    this.#auth.changed();
    const fields = { "user-name": name, "revoked-role-name": role };
    this.#logger.info("revoked a role from a user", fields);
    return undefined;
  }
}

export function withoutRole(user: authpb.User, role: string): authpb.User {
  return { ...user, roles: user.roles.filter((name) => name !== role) };
}

/**
 * The hash to store; undefined: what was given is no base64. A password in clear text is found in
 * entries of etcd before 3.5 only, where each member makes a hash of its own.
 */
function passwordOf(request: {
  readonly password: string;
  readonly hashedPassword: string;
}): Uint8Array | undefined {
  const { password, hashedPassword } = request;
  if (password !== "" && hashedPassword === "") return utf8(hashNow(password));
  return decodeBase64(hashedPassword);
}
