import { type authpb, etcdserverpb } from "@kvorum/api";
import type { Prng } from "@kvorum/base";
import { type RandomOp, RandomOps, METHODS as STORE_METHODS } from "./random-ops.js";
import { auth, cluster, lease, maintenance } from "./rpc.js";

/** Who makes a request: nobody, someone with a token that was never given, or a user. */
export type Caller =
  | { readonly kind: "nobody" }
  | { readonly kind: "stranger"; readonly token: string }
  | { readonly kind: "user"; readonly name: string };

/** A request of the differential test with authentication, and who makes it. */
export interface AuthOp {
  readonly name: keyof typeof METHODS;
  readonly request: unknown;
  readonly caller: Caller;
  /** The same as a request of the test without authentication, when it is one. */
  readonly store: RandomOp | undefined;
}

export const METHODS = {
  ...STORE_METHODS,
  leaseLeases: lease.leaseLeases,
  authEnable: auth.authEnable,
  authDisable: auth.authDisable,
  authStatus: auth.authStatus,
  authenticate: auth.authenticate,
  userAdd: auth.userAdd,
  userGet: auth.userGet,
  userList: auth.userList,
  userDelete: auth.userDelete,
  userChangePassword: auth.userChangePassword,
  userGrantRole: auth.userGrantRole,
  userRevokeRole: auth.userRevokeRole,
  roleAdd: auth.roleAdd,
  roleGet: auth.roleGet,
  roleList: auth.roleList,
  roleDelete: auth.roleDelete,
  roleGrantPermission: auth.roleGrantPermission,
  roleRevokePermission: auth.roleRevokePermission,
  hashKV: maintenance.hashKV,
  alarm: maintenance.alarm,
  moveLeader: maintenance.moveLeader,
  memberRemove: cluster.memberRemove,
  memberAdd: cluster.memberAdd,
} as const;

export const ROOT_PASSWORD = "root's";
const USERS = ["alice", "bob", "carol", "dave", "eve"] as const;
const ROLES = ["r1", "r2", "r3", "r4"] as const;
const PASSWORDS = ["", "one", "two", "p\u00e4ss", "x".repeat(72)] as const;
const TOO_LONG = "y".repeat(73);

/** Draws requests about users and roles, and requests on keys by those users. */
export class RandomAuthOps {
  readonly #prng: Prng;
  readonly store: RandomOps;
  /** Of users who were added and not deleted. */
  readonly #passwords = new Map<string, string>([["root", ROOT_PASSWORD]]);

  constructor(prng: Prng) {
    this.#prng = prng;
    this.store = new RandomOps(prng);
  }

  next(): AuthOp {
    const draw = this.#prng.below(100);
    if (draw < 58) {
      const store = this.store.next();
      return { name: store.kind, request: store.request, caller: this.#caller(), store };
    }
    const [name, request] = draw < 90 ? this.#change() : this.#other();
    return { name, request, caller: this.#caller(), store: undefined };
  }

  #chance(percent: number): boolean {
    return this.#prng.below(100) < percent;
  }

  #one<Value>(values: readonly Value[]): Value {
    return values[this.#prng.below(values.length)]!;
  }

  #caller(): Caller {
    const draw = this.#prng.below(100);
    if (draw < 5) return { kind: "nobody" };
    if (draw < 8) {
      const token = this.#one(["", "x", "a.b.c", "abcdefghijklmnop.1", "abcdefghijklmnop.x1"]);
      return { kind: "stranger", token };
    }
    return { kind: "user", name: draw < 50 ? "root" : this.#one(USERS) };
  }

  #user(): string {
    if (this.#chance(2)) return "";
    return this.#chance(8) ? "root" : this.#one(USERS);
  }

  #role(): string {
    if (this.#chance(2)) return "";
    return this.#chance(6) ? "root" : this.#one(ROLES);
  }

  #password(): string {
    return this.#chance(3) ? TOO_LONG : this.#one(PASSWORDS);
  }

  #change(): [AuthOp["name"], unknown] {
    const draw = this.#prng.below(100);
    const name = this.#user();
    const role = this.#role();
    if (draw < 15) return ["userAdd", this.#userAdd(name)];
    if (draw < 19) return ["userDelete", { name }];
    if (draw < 23) return ["userChangePassword", this.#changePassword(name)];
    if (draw < 40) return ["userGrantRole", { user: name, role }];
    // So that authentication can be turned on again soon when root was changed while it was off.
    if (draw < 42) return ["userGrantRole", { user: "root", role: "root" }];
    if (draw < 43) return ["userAdd", { ...this.#userAdd("root"), options: undefined }];
    if (draw < 47) return ["userRevokeRole", { name, role }];
    if (draw < 55) return ["roleAdd", { name: role }];
    if (draw < 58) return ["roleDelete", { role }];
    if (draw < 86) {
      const perm = this.#chance(3) ? undefined : this.#permission();
      return ["roleGrantPermission", { name: role, perm }];
    }
    if (draw < 94) {
      const { key, rangeEnd } = this.#permission();
      return ["roleRevokePermission", { role, key, rangeEnd }];
    }
    return [this.#chance(25) ? "authDisable" : "authEnable", {}];
  }

  #userAdd(name: string): etcdserverpb.AuthUserAddRequest {
    const options = this.#chance(60) ? undefined : { noPassword: this.#chance(30) };
    return { name, password: this.#password(), options, hashedPassword: "" };
  }

  /** A client may send a hash of its own in the place of a password. */
  #changePassword(name: string): etcdserverpb.AuthUserChangePasswordRequest {
    const hashedPassword = this.#chance(10) ? "no base64" : "";
    return { name, password: name === "root" ? ROOT_PASSWORD : this.#password(), hashedPassword };
  }

  /** Few keys, so that permissions meet: a single one, a range, one without end, a wrong one. */
  #permission(): authpb.Permission {
    const key = () => Buffer.from(this.#chance(2) ? "" : `k/${this.#prng.below(5)}`);
    const rangeEnd = this.#one([
      () => Buffer.alloc(0),
      () => Buffer.from(`k/${this.#prng.below(6)}`),
      () => Buffer.from("l"),
      () => Buffer.from([0]),
    ]);
    return { permType: this.#prng.below(3), key: key(), rangeEnd: rangeEnd() };
  }

  #other(): [AuthOp["name"], unknown] {
    const { AlarmRequest, HashKVRequest } = etcdserverpb;
    const empty = new Uint8Array(0);
    switch (this.#prng.below(10)) {
      case 0:
        return ["userGet", { name: this.#user() }];
      case 1:
        return ["roleGet", { role: this.#role() }];
      case 2:
        return ["userList", {}];
      case 3:
        return ["roleList", {}];
      case 4:
        return ["authStatus", {}];
      case 5:
        return ["hashKV", HashKVRequest.decode(empty)];
      case 6:
        return ["alarm", { ...AlarmRequest.decode(empty), action: this.#prng.below(3) }];
      case 7:
        return ["leaseLeases", {}];
      case 8:
        return this.#chance(50)
          ? ["memberRemove", { ID: 4711n }]
          : ["memberAdd", { peerURLs: ["no URL"], isLearner: false }];
      default:
        return ["moveLeader", { targetID: 4711n }];
    }
  }

  /** A login, with the right password mostly. */
  login(name: string): etcdserverpb.AuthenticateRequest {
    const known = this.#chance(90) ? this.#passwords.get(name) : undefined;
    return { name, password: known ?? this.#one(PASSWORDS) };
  }

  /** The servers made it: a user has another password. */
  made(op: AuthOp): void {
    const { name, password } = op.request as { name: string; password: string };
    if (op.name === "userAdd" || op.name === "userChangePassword") {
      this.#passwords.set(name, password);
    }
  }
}
