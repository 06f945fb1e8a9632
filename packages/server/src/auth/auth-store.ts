import type { ApiErrorName, authpb } from "@kvorum/api";
import type { BufferedStore } from "@kvorum/mvcc";
import type { Logger } from "../observe/logger.js";
import { type AuthInfo, NOBODY, ROOT } from "./auth-info.js";
import { AuthRecords } from "./auth-records.js";
import { type Access, RangePermissions } from "./range-permissions.js";
import type { Tokens, Waiter } from "./tokens/tokens.js";

/**
 * Users, roles and the checks of what they may do: replicated state, changed by applied entries
 * only. The tokens are this member's own. A check answers the refusal, or undefined. The counterpart
 * of etcd's authStore.
 *
 * While authentication is off every check allows everything, so a hot path needs to ask `isEnabled`
 * only.
 */
export class AuthStore {
  readonly tokens: Tokens;
  readonly #logger: Logger;
  /** What the roles of a user add up to; dropped at each change. */
  readonly #permissions = new Map<string, RangePermissions>();
  #records: AuthRecords;
  #isEnabled = false;

  private constructor(records: AuthRecords, options: AuthStoreOptions) {
    this.#records = records;
    this.#logger = options.logger;
    this.tokens = options.tokens;
    this.#take(records);
  }

  /** Reads what `store` holds, and writes changes to it from now on. */
  static async open(store: BufferedStore, options: AuthStoreOptions): Promise<AuthStore> {
    return new AuthStore(await AuthRecords.read(store), options);
  }

  /** Reads another store; it takes the place of the present one when the result is called. */
  async prepare(store: BufferedStore): Promise<() => void> {
    const records = await AuthRecords.read(store);
    return () => this.#take(records);
  }

  /** Whether requests need a user. */
  get isEnabled(): boolean {
    return this.#isEnabled;
  }

  /** Moves with each change of users, roles or permissions, and when authentication is turned off. */
  get revision(): number {
    return this.#records.revision;
  }

  /** For changes, each of which `changed` has to be told of. */
  get records(): AuthRecords {
    return this.#records;
  }

  /** Something was changed in the records: the revision moves on. */
  changed(): void {
    this.#records.bumpRevision();
    this.#permissions.clear();
  }

  enable(): ApiErrorName | undefined {
    if (this.#isEnabled) {
      this.#logger.info("authentication is already enabled; ignored auth enable request");
      return undefined;
    }
    const root = this.#records.user(ROOT);
    if (root === undefined) return "rootUserMissing";
    if (!hasRootRole(root)) return "rootRoleMissing";
    this.#records.setEnabled(true);
    this.#take(this.#records);
    this.#logger.info("enabled authentication");
    return undefined;
  }

  disable(): void {
    if (!this.#isEnabled) return;
    this.#records.setEnabled(false);
    this.changed();
    this.#isEnabled = false;
    this.tokens.forgetAll();
    this.#logger.info("disabled authentication");
  }

  /** Whom a token that a client sent stands for; undefined: nobody. */
  holderOf(given: string, waiter: Waiter): AuthInfo | undefined | Promise<AuthInfo | undefined> {
    if (!this.#isEnabled) return undefined;
    const token = given.startsWith("Bearer ") ? given.slice("Bearer ".length) : given;
    return this.tokens.holder(token, () => this.revision, waiter);
  }

  /** Why `who` may not do what is left to users with the role "root". */
  adminRefusal(who: AuthInfo = NOBODY): ApiErrorName | undefined {
    if (!this.#isEnabled) return undefined;
    if (who.username === "") return "userEmpty";
    const user = this.#records.user(who.username);
    if (user === undefined) return "userNotFound";
    return hasRootRole(user) ? undefined : "permissionDenied";
  }

  /** Why nobody may make a request that any user may; `who` undefined: no identity was given. */
  anonymousRefusal(who: AuthInfo | undefined): ApiErrorName | undefined {
    return this.#isEnabled && who === undefined ? "userEmpty" : undefined;
  }

  /** Why `who` may not access `key`, or all keys of [key, rangeEnd) when `rangeEnd` isn't empty. */
  accessRefusal(
    who: AuthInfo,
    access: Access,
    range: { readonly key: Uint8Array; readonly rangeEnd: Uint8Array },
  ): ApiErrorName | undefined {
    if (!this.#isEnabled) return undefined;
    if (who.revision === 0) return "userEmpty";
    if (who.revision < this.revision) return "authOldRevision";
    const user = this.#records.user(who.username);
    if (user === undefined) return "permissionDenied";
    if (hasRootRole(user)) return undefined;
    const permissions = this.#permissionsOf(who.username, user);
    return permissions.allows(access, range.key, range.rangeEnd) ? undefined : "permissionDenied";
  }

  /** Why the answer of a read for `who` may not be given: users or roles changed meanwhile. */
  staleRefusal(who: AuthInfo): ApiErrorName | undefined {
    const isStale = who.revision !== 0 && who.revision !== this.revision;
    return isStale ? "authOldRevision" : undefined;
  }

  hasRole(username: string, role: string): boolean {
    return this.#records.user(username)?.roles.includes(role) ?? false;
  }

  /** Who what this member wants of its own accord is proposed for. */
  rootInfo(): AuthInfo | undefined {
    return this.#isEnabled ? { username: ROOT, revision: this.revision } : undefined;
  }

  #permissionsOf(username: string, user: authpb.User): RangePermissions {
    let permissions = this.#permissions.get(username);
    if (permissions === undefined) {
      const roles = user.roles.map((name) => this.#records.role(name));
      permissions = new RangePermissions(roles.flatMap((role) => role?.keyPermission ?? []));
      this.#permissions.set(username, permissions);
    }
    return permissions;
  }

  #take(records: AuthRecords): void {
    this.#records = records;
    this.#permissions.clear();
    this.#isEnabled = records.isEnabled;
  }
}

export interface AuthStoreOptions {
  readonly tokens: Tokens;
  readonly logger: Logger;
}

function hasRootRole(user: authpb.User): boolean {
  return user.roles.includes(ROOT);
}
