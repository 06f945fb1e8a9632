import { authpb } from "@kvorum/api";
import { compareBytes, utf8, utf8Text } from "@kvorum/base";
import type { BufferedStore } from "@kvorum/mvcc";

const ENABLED_KEY = utf8("authEnabled");
const REVISION_KEY = utf8("authRevision");

/**
 * Users, roles and settings of one store's content, kept whole in memory. Each change goes to the
 * store's buckets at once, in etcd's form:
 *
 * ```
 *  auth       authEnabled   one byte, 0 or 1
 *             authRevision  8 bytes, big-endian
 *  authUsers  name          authpb.User
 *  authRoles  name          authpb.Role
 * ```
 */
export class AuthRecords {
  readonly #store: BufferedStore;
  readonly #users = new Map<string, authpb.User>();
  readonly #roles = new Map<string, authpb.Role>();
  #isEnabled = false;
  #revision = 0;

  private constructor(store: BufferedStore) {
    this.#store = store;
  }

  /** Reads what `store` holds. A store that never had an auth revision gets the first one, 1. */
  static async read(store: BufferedStore): Promise<AuthRecords> {
    const records = new AuthRecords(store);
    for (const [name, value] of await store.entries("authUsers")) {
      records.#users.set(utf8Text(name), authpb.User.decode(value));
    }
    for (const [name, value] of await store.entries("authRoles")) {
      records.#roles.set(utf8Text(name), authpb.Role.decode(value));
    }
    records.#isEnabled = store.get("auth", ENABLED_KEY)?.[0] === 1;
    const revision = store.get("auth", REVISION_KEY);
    if (revision !== undefined) records.#revision = readRevision(revision);
    if (records.#revision === 0) records.bumpRevision();
    return records;
  }

  get isEnabled(): boolean {
    return this.#isEnabled;
  }

  setEnabled(isEnabled: boolean): void {
    this.#isEnabled = isEnabled;
    this.#put("auth", ENABLED_KEY, Buffer.from([isEnabled ? 1 : 0]));
  }

  get revision(): number {
    return this.#revision;
  }

  bumpRevision(): void {
    this.#revision++;
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt(this.#revision));
    this.#put("auth", REVISION_KEY, bytes);
  }

  user(name: string): authpb.User | undefined {
    return this.#users.get(name);
  }

  /** In byte order of the names. */
  users(): authpb.User[] {
    return [...this.#users.values()].sort(byName);
  }

  putUser(user: authpb.User): void {
    this.#users.set(utf8Text(user.name), user);
    this.#put("authUsers", user.name, authpb.User.encode(user).finish());
  }

  deleteUser(user: authpb.User): void {
    this.#users.delete(utf8Text(user.name));
    this.#store.delete("authUsers", Buffer.from(user.name));
  }

  role(name: string): authpb.Role | undefined {
    return this.#roles.get(name);
  }

  /** In byte order of the names. */
  roles(): authpb.Role[] {
    return [...this.#roles.values()].sort(byName);
  }

  putRole(role: authpb.Role): void {
    this.#roles.set(utf8Text(role.name), role);
    this.#put("authRoles", role.name, authpb.Role.encode(role).finish());
  }

  deleteRole(role: authpb.Role): void {
    this.#roles.delete(utf8Text(role.name));
    this.#store.delete("authRoles", Buffer.from(role.name));
  }

  /** The store owns what it is given, so the key is copied. */
  #put(bucket: "auth" | "authUsers" | "authRoles", key: Uint8Array, value: Uint8Array): void {
    this.#store.put(bucket, Buffer.from(key), value);
  }
}

function readRevision(bytes: Uint8Array): number {
  return Number(Buffer.from(bytes).readBigUInt64BE(0));
}

function byName(left: authpb.User | authpb.Role, right: authpb.User | authpb.Role): number {
  return compareBytes(left.name, right.name);
}
