import { execFileSync } from "node:child_process";
import { createPrng } from "@kvorum/base";
import { expect } from "vitest";
import {
  comparable,
  comparableError,
  type Differences,
  differencesOf,
  plain,
} from "../support/compare-responses.js";
import { endsEtcd } from "../support/ends-etcd.js";
import { findEtcd, startEtcd, startKvorum } from "../support/processes.js";
import { type AuthOp, METHODS, RandomAuthOps, ROOT_PASSWORD } from "../support/random-auth-ops.js";
import { auth, maintenance, Rpc } from "../support/rpc.js";
import { testUnless } from "../support/skip.js";

/**
 * The same random requests about users, roles and keys, made by the same users, to a Kvorum node and
 * to a real etcd: every response and every refusal must be equal. KVORUM_AUTH_OPS sets how many.
 */
const OPS = Number(process.env.KVORUM_AUTH_OPS ?? 1_500);
const TEST_TIMEOUT_MS = 60_000 + OPS * 40;
/** Of a login by a user who has no token. */
const LOGIN_PERCENT = 60;
/** The least that bcrypt takes: its time is not what is tested. */
const ARGS = ["--bcrypt-cost=4"];

const seed = Number(process.env.KVORUM_SEED ?? Date.now() % 1_000_000);
const etcd = findEtcd();

function whyNot(): string | undefined {
  if (etcd === undefined) return "no etcd on PATH or in KVORUM_TEST_ETCD";
  const text = execFileSync(etcd, ["--version"], { encoding: "utf8" });
  const [, major = 0, minor = 0] = (/(\d+)\.(\d+)\.\d+/.exec(text) ?? []).map(Number);
  const isOld = major < 3 || (major === 3 && minor < 7);
  return isOld
    ? `${etcd} is ${major}.${minor}; refusals are compared with those of 3.7`
    : undefined;
}

/** One of the two servers, and the tokens that it gave to users. */
class Side {
  readonly rpc: Rpc;
  readonly tokens = new Map<string, string>();

  constructor(endpoint: string) {
    this.rpc = new Rpc(endpoint);
  }

  async ask(op: AuthOp, differences: Differences): Promise<unknown> {
    const { caller, store } = op;
    const token = caller.kind === "user" ? this.tokens.get(caller.name) : tokenOf(caller);
    try {
      const method = METHODS[op.name] as never;
      const response = await this.rpc.call<unknown, unknown>(method, op.request, 20_000, token);
      return store === undefined ? plain(response) : comparable(store, response, differences);
    } catch (error) {
      if (store !== undefined) return comparableError(store, error, differences);
      const { code, details } = error as { code: number; details: string };
      return { code, details };
    }
  }

  /** Keeps the token; what is compared has only its form. */
  async logIn(request: { readonly name: string; readonly password: string }): Promise<unknown> {
    try {
      const { token, header } = await this.rpc.call(auth.authenticate, request);
      this.tokens.set(request.name, token);
      return { form: token.replace(/[a-zA-Z]/g, "x").replace(/\d+$/, "9"), header: plain(header) };
    } catch (error) {
      const { code, details } = error as { code: number; details: string };
      return { code, details };
    }
  }
}

function tokenOf(caller: AuthOp["caller"]): string | undefined {
  return caller.kind === "stranger" ? caller.token : undefined;
}

testUnless(whyNot())(
  `users are allowed and refused as etcd does, on ${OPS} random requests`,
  async () => {
    console.log(`differential test with authentication: KVORUM_SEED=${seed}`);
    const [node, real] = await Promise.all([
      startKvorum("lmdb", { args: ARGS }),
      startEtcd(etcd!, { args: ARGS }),
    ]);
    const sides = [new Side(node.endpoint), new Side(real.endpoint)] as const;
    try {
      const { version } = await sides[1].rpc.call(maintenance.status, {});
      await compare(sides, { differences: differencesOf(version) });
    } catch (cause) {
      throw new Error(`KVORUM_SEED=${seed}\n${node.log().slice(-2_000)}`, { cause });
    } finally {
      for (const { rpc } of sides) rpc.close();
      await Promise.all([node.stop(), real.stop()]);
    }
  },
  TEST_TIMEOUT_MS,
);

async function compare(
  sides: readonly [Side, Side],
  { differences }: { readonly differences: Differences },
): Promise<void> {
  const prng = createPrng(seed);
  const ops = new RandomAuthOps(prng);
  const both = <Answer>(ask: (side: Side) => Promise<Answer>) => Promise.all(sides.map(ask));
  await both((side) => beginWithRoot(side));
  const seen = new Map<string, number>();
  for (let made = 0; made < OPS; ) {
    const op = ops.next();
    if (op.store !== undefined && endsEtcd(op.store)) continue;
    if (op.caller.kind === "user" && mayLogIn(sides[0], op.caller.name, prng.below(100))) {
      const login = ops.login(op.caller.name);
      const [our, their] = await both((side) => side.logIn(login));
      expect(our, `login ${made}: ${JSON.stringify(login)}`).toEqual(their);
    }
    const [our, their] = await both((side) => side.ask(op, differences));
    expect(our, `request ${made}: ${describeOp(op)}`).toEqual(their);
    const answer = their as { header?: { revision?: number }; details?: string };
    ops.store.revision = Math.max(ops.store.revision, answer.header?.revision ?? 0);
    const outcome = answer.details ?? "answered";
    if (outcome === "answered") ops.made(op);
    seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
    if (outcome === "etcdserver: invalid auth token") forget(sides, op);
    made++;
  }
  console.log(Object.fromEntries([...seen].sort(([, a], [, b]) => b - a)));
  for (const outcome of ["answered", "etcdserver: permission denied"]) {
    expect(seen.get(outcome) ?? 0, outcome).toBeGreaterThan(OPS / 40);
  }
}

/** Without the user "root" nothing can be turned on; its password stays the same. */
async function beginWithRoot({ rpc }: Side): Promise<void> {
  const user = { name: "root", password: ROOT_PASSWORD, options: undefined, hashedPassword: "" };
  await rpc.call(auth.userAdd, user);
  await rpc.call(auth.userGrantRole, { user: "root", role: "root" });
}

function mayLogIn(side: Side, name: string, draw: number): boolean {
  return !side.tokens.has(name) && draw < LOGIN_PERCENT;
}

function forget(sides: readonly Side[], { caller }: AuthOp): void {
  if (caller.kind !== "user") return;
  for (const { tokens } of sides) tokens.delete(caller.name);
}

function describeOp({ name, caller, request }: AuthOp): string {
  return JSON.stringify({ name, caller, request }, (_name, value) => {
    if (typeof value === "bigint") return value.toString();
    return value?.type === "Buffer" ? Buffer.from(value.data).toString("latin1") : value;
  });
}
