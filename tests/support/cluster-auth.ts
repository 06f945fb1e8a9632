import { createPrng, type Prng } from "@kvorum/base";
import { expect } from "vitest";
import { settled, type TestCluster } from "./cluster.js";
import { dividesEtcd36, endsEtcd } from "./ends-etcd.js";
import { isBefore37 } from "./etcd-release.js";
import { type AuthOp, METHODS, RandomAuthOps, ROOT_PASSWORD } from "./random-auth-ops.js";
import { auth, type Rpc } from "./rpc.js";

/** Users and roles of a cluster whose members may be programs of several kinds. */

const OPS = 300;
const CALL_MS = 20_000;
const EVERYTHING = { key: Buffer.from([0]), rangeEnd: Buffer.from([0]) };

/** Left out: what the members of the cluster depend on, and what ends the test itself. */
const LEFT_OUT: ReadonlySet<AuthOp["name"]> = new Set<AuthOp["name"]>([
  ...(["authDisable", "authEnable", "memberAdd", "memberRemove", "moveLeader"] as const),
  ...(["alarm", "compact", "hashKV"] as const),
]);

/** INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED and others: what users are refused with. */
const REFUSALS: ReadonlySet<number> = new Set([2, 3, 5, 7, 9, 11, 16]);
const UNAUTHENTICATED = 16;
const isOlder = isBefore37();

/** Users and roles that members who join later take from a snapshot. */
export async function addUsers(cluster: TestCluster): Promise<void> {
  const { rpc } = cluster.at(0);
  const user = { options: undefined, hashedPassword: "" };
  await rpc.call(auth.userAdd, { ...user, name: "root", password: ROOT_PASSWORD });
  await rpc.call(auth.userGrantRole, { user: "root", role: "root" });
  await rpc.call(auth.userAdd, { ...user, name: "reader", password: "reads" });
  await rpc.call(auth.roleAdd, { name: "reading" });
  const perm = { permType: 0, ...EVERYTHING };
  await rpc.call(auth.roleGrantPermission, { name: "reading", perm });
  await rpc.call(auth.userGrantRole, { user: "reader", role: "reading" });
}

/**
 * Turns authentication on, changes users and roles at random and makes requests in their names, all
 * through all members; then these must agree on everything. Turns it off again.
 */
export async function useUsers(cluster: TestCluster, seed: number): Promise<void> {
  const users = new ClusterUsers(cluster, createPrng(seed));
  await settled(() => users.anyone().call(auth.authEnable, {}));
  await users.logIn("root", ROOT_PASSWORD);
  await users.logIn("reader", "reads");
  await users.expectTokensEverywhere();
  for (let i = 0; i < OPS; i++) await users.act();
  await users.expectAgreement();
  await users.asRoot(users.anyone(), (rpc, token) => {
    return rpc.call(auth.authDisable, {}, CALL_MS, token);
  });
}

class ClusterUsers {
  readonly #cluster: TestCluster;
  readonly #prng: Prng;
  readonly #ops: RandomAuthOps;
  readonly #tokens = new Map<string, string>();

  constructor(cluster: TestCluster, prng: Prng) {
    this.#cluster = cluster;
    this.#prng = prng;
    this.#ops = new RandomAuthOps(prng);
  }

  anyone(): Rpc {
    const members = this.#cluster.running();
    return members[this.#prng.below(members.length)]!.rpc;
  }

  async logIn(name: string, password: string): Promise<void> {
    const request = { name, password };
    const { token } = await settled(() => this.anyone().call(auth.authenticate, request));
    this.#tokens.set(name, token);
  }

  /** A token that one member gave counts at every other, which makes it of the same entry. */
  async expectTokensEverywhere(): Promise<void> {
    for (const [name, token] of this.#tokens) {
      for (const { rpc } of this.#cluster.running()) {
        const answer = await rpc.call(auth.userGet, { name }, CALL_MS, token);
        expect(answer.roles).toHaveLength(1);
      }
    }
  }

  /** As root, with a new token where the old one no longer counts. */
  async asRoot<Answer>(
    rpc: Rpc,
    call: (rpc: Rpc, token: string) => Promise<Answer>,
  ): Promise<Answer> {
    try {
      return await call(rpc, this.#tokens.get("root")!);
    } catch (error) {
      if ((error as { code: number }).code !== UNAUTHENTICATED) throw error;
      await this.logIn("root", ROOT_PASSWORD);
      return await call(rpc, this.#tokens.get("root")!);
    }
  }

  /** One random request; whether it is granted is the members' to decide, alike. */
  async act(): Promise<void> {
    const op = this.#ops.next();
    const { caller, store, name } = op;
    if (LEFT_OUT.has(name) || (store !== undefined && endsEtcd(store))) return;
    if (isOlder && store !== undefined && dividesEtcd36(store)) return;
    const method = METHODS[name] as never;
    const who = caller.kind === "user" ? caller.name : "nobody";
    if (!this.#tokens.has(who) && caller.kind === "user") await this.#tryLogIn(who);
    const token = this.#tokens.get(who);
    try {
      await this.anyone().call<unknown, unknown>(method, op.request, CALL_MS, token);
      this.#ops.made(op);
    } catch (error) {
      const { code } = error as { code: number };
      if (code === UNAUTHENTICATED) this.#tokens.delete(who);
      if (!REFUSALS.has(code)) throw error;
    }
  }

  async #tryLogIn(name: string): Promise<void> {
    const { password } = this.#ops.login(name);
    await this.logIn(name, password).catch(() => {});
  }

  async expectAgreement(): Promise<void> {
    const views = [];
    for (const { rpc } of this.#cluster.running()) {
      views.push(await this.asRoot(rpc, viewOf));
    }
    for (const view of views) expect(view).toEqual(views[0]);
    expect(views[0]?.users.length).toBeGreaterThan(1);
  }
}

/** All that a member knows of users and roles, but for the passwords. */
async function viewOf(rpc: Rpc, token: string) {
  const { authRevision } = await rpc.call(auth.authStatus, {}, CALL_MS, token);
  const { users } = await rpc.call(auth.userList, {}, CALL_MS, token);
  const { roles } = await rpc.call(auth.roleList, {}, CALL_MS, token);
  const granted = await Promise.all(
    users.map(async (name) => (await rpc.call(auth.userGet, { name }, CALL_MS, token)).roles),
  );
  const permissions = await Promise.all(
    roles.map(async (role) => (await rpc.call(auth.roleGet, { role }, CALL_MS, token)).perm),
  );
  return { authRevision, users, roles, granted, permissions };
}
