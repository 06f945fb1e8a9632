import { type ApiErrorName, apiError, type authpb, type raftinternalpb } from "@kvorum/api";
import type { LogIndex } from "@kvorum/base";
import type { Logger } from "../observe/logger.js";
import { type AuthInfo, ROOT } from "./auth-info.js";
import type { AuthStore } from "./auth-store.js";
import { RoleChanges } from "./role-changes.js";
import type { IssuedToken } from "./tokens/tokens.js";
import { UserChanges } from "./user-changes.js";

type Request = raftinternalpb.InternalRaftRequest;

/** What applying an entry about users and roles gave. */
export type AuthApplied =
  | { readonly kind: "auth"; readonly answer: "done" }
  | {
      readonly kind: "auth";
      readonly answer: "status";
      readonly isEnabled: boolean;
      readonly revision: number;
    }
  | { readonly kind: "auth"; readonly answer: "token"; readonly token: IssuedToken }
  /** Of users, or of roles. */
  | { readonly kind: "auth"; readonly answer: "names"; readonly names: readonly string[] }
  | {
      readonly kind: "auth";
      readonly answer: "permissions";
      readonly permissions: readonly authpb.Permission[];
    };

const DONE: AuthApplied = { kind: "auth", answer: "done" };

const READWRITE: authpb.Permission_Type = 2;

/** What the role "root" is shown to have. */
const ROOT_PERMISSION: authpb.Permission = {
  permType: READWRITE,
  key: new Uint8Array(0),
  rangeEnd: Buffer.from([0]),
};

/** Applies the entries that are about users and roles, and checks who proposed them. */
export class AuthApplier {
  readonly #auth: AuthStore;
  readonly #users: UserChanges;
  readonly #roles: RoleChanges;

  constructor(auth: AuthStore, logger: Logger) {
    this.#auth = auth;
    this.#users = new UserChanges(auth, logger);
    this.#roles = new RoleChanges(auth, logger);
  }

  /**
   * Undefined: the entry is about something else.
   * @param who the entry names as its proposer
   * @param index of the entry
   * @throws ApiError the request was refused, on every member the same
   */
  apply(request: Request, who: AuthInfo, index: LogIndex): AuthApplied | undefined {
    if (request.authenticate !== undefined) {
      return { kind: "auth", answer: "token", token: this.#logIn(request.authenticate, index) };
    }
    if (request.authStatus !== undefined) {
      const { isEnabled, revision } = this.#auth;
      return { kind: "auth", answer: "status", isEnabled, revision };
    }
    if (request.authUserGet !== undefined) return this.#getUser(request.authUserGet.name, who);
    if (request.authRoleGet !== undefined) return this.#getRole(request.authRoleGet.role, who);
    const action = this.#adminAction(request);
    if (action === undefined) return undefined;
    refuse(this.#auth.adminRefusal(who));
    return action();
  }

  /** Of the requests that only root may make, the one that is in the entry. */
  #adminAction(request: Request): (() => AuthApplied) | undefined {
    if (request.authUserList !== undefined) {
      return () => namesOf(this.#auth.records.users());
    }
    if (request.authRoleList !== undefined) {
      return () => namesOf(this.#auth.records.roles());
    }
    const change = this.#change(request);
    if (change === undefined) return undefined;
    return () => {
      refuse(change());
      return DONE;
    };
  }

  #change(request: Request): (() => ApiErrorName | undefined) | undefined {
    const { authUserAdd, authUserDelete, authUserChangePassword } = request;
    const { authUserGrantRole, authUserRevokeRole, authRoleAdd, authRoleDelete } = request;
    const { authRoleGrantPermission, authRoleRevokePermission } = request;
    const users = this.#users;
    const roles = this.#roles;
    if (request.authEnable) return () => this.#auth.enable();
    if (request.authDisable) {
      return () => {
        this.#auth.disable();
        return undefined;
      };
    }
    if (authUserAdd) return () => users.add(authUserAdd);
    if (authUserDelete) return () => users.delete(authUserDelete);
    if (authUserChangePassword) return () => users.changePassword(authUserChangePassword);
    if (authUserGrantRole) return () => users.grantRole(authUserGrantRole);
    if (authUserRevokeRole) return () => users.revokeRole(authUserRevokeRole);
    if (authRoleAdd) return () => roles.add(authRoleAdd);
    if (authRoleDelete) return () => roles.delete(authRoleDelete);
    if (authRoleGrantPermission) return () => roles.grant(authRoleGrantPermission);
    if (authRoleRevokePermission) return () => roles.revoke(authRoleRevokePermission);
    return undefined;
  }

  /** The password was checked before the login was proposed. */
  #logIn(
    { name, simpleToken }: raftinternalpb.InternalAuthenticateRequest,
    index: LogIndex,
  ): IssuedToken {
    const { tokens, revision, isEnabled, records } = this.#auth;
    if (!isEnabled) throw apiError("authNotEnabled");
    const user = records.user(name);
    if (user === undefined || user.options?.noPassword) throw apiError("authFailed");
    // etcd names the last index whose effects it has saved, and that is the one before.
    return tokens.issue({ username: name, revision, prefix: simpleToken, index: index - 1 });
  }

  /** Users may look at themselves. */
  #getUser(name: string, who: AuthInfo): AuthApplied {
    if (name !== who.username) refuse(this.#auth.adminRefusal(who));
    const user = this.#auth.records.user(name);
    if (user === undefined) throw apiError("userNotFound");
    return { kind: "auth", answer: "names", names: user.roles };
  }

  /** Users may look at their roles. */
  #getRole(name: string, who: AuthInfo): AuthApplied {
    if (!this.#auth.hasRole(who.username, name)) refuse(this.#auth.adminRefusal(who));
    const role = this.#auth.records.role(name);
    if (role === undefined) throw apiError("roleNotFound");
    const permissions = name === ROOT ? [ROOT_PERMISSION] : role.keyPermission;
    return { kind: "auth", answer: "permissions", permissions };
  }
}

function namesOf(records: readonly { readonly name: Uint8Array }[]): AuthApplied {
  const names = records.map(({ name }) => Buffer.from(name).toString("utf8"));
  return { kind: "auth", answer: "names", names };
}

export function refuse(refusal: ApiErrorName | undefined): void {
  if (refusal !== undefined) throw apiError(refusal);
}
