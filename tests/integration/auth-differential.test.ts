import { execFileSync } from "node:child_process";
import { etcdserverpb } from "@kvorum/api";
import { createPrng } from "@kvorum/base";
import { expect } from "vitest";
import { isOfAllVersions } from "../support/auth-before-37.js";
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
import { auth, kv, lease, maintenance, put, Rpc, range } from "../support/rpc.js";
import { testUnless } from "../support/skip.js";

/**
 * The same random requests about users, roles and keys, made by the same users, to a Kvorum node and
 * to a real etcd: every response and every refusal must be equal. KVORUM_AUTH_OPS sets how many.
 */
const OPS = Number(process.env.KVORUM_AUTH_OPS ?? 1_000);
const TEST_TIMEOUT_MS = 60_000 + OPS * 40;
/** Of a login by a user who has no token. */
const LOGIN_PERCENT = 60;
/** The least that bcrypt takes: its time is not what is tested. */
const ARGS = ["--bcrypt-cost=4"];

const seed = Number(process.env.KVORUM_SEED ?? Date.now() % 1_000_000);
const etcd = findEtcd();

const whyNot = etcd === undefined ? "no etcd on PATH or in KVORUM_TEST_ETCD" : undefined;
const isBefore37 = etcd !== undefined && releaseOf(etcd) < 307;
const needsEtcd = testUnless(whyNot);
const needs37 = testUnless(isBefore37 ? `${etcd} is older than 3.7` : whyNot);

/** 3.7.1 is 307. */
function releaseOf(path: string): number {
  const text = execFileSync(path, ["--version"], { encoding: "utf8" });
  const [, major = 0, minor = 0] = (/(\d+)\.(\d+)\.\d+/.exec(text) ?? []).map(Number);
  return major * 100 + minor;
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

needsEtcd(
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

needs37(
  "streams are served and refused as etcd does",
  async () => {
    const [node, real] = await Promise.all([
      startKvorum("memory", { args: ARGS }),
      startEtcd(etcd!, { args: ARGS }),
    ]);
    const sides = [new Side(node.endpoint), new Side(real.endpoint)] as const;
    try {
      const [our, their] = await Promise.all(sides.map(streamOutcomes));
      expect(our).toEqual(their);
      expect(new Set(their).size).toBeGreaterThan(5);
    } finally {
      for (const { rpc } of sides) rpc.close();
      await Promise.all([node.stop(), real.stop()]);
    }
  },
  TEST_TIMEOUT_MS,
);

/** What each kind of stream says to each kind of caller. */
async function streamOutcomes(side: Side): Promise<string[]> {
  await beginWithRoot(side);
  const { rpc } = side;
  const user = { name: "ann", password: "a", options: undefined, hashedPassword: "" };
  await rpc.call(auth.userAdd, user);
  await rpc.call(auth.roleAdd, { name: "r" });
  const key = Buffer.from("a");
  const perm = { permType: 2, key, rangeEnd: Buffer.from("c") };
  await rpc.call(auth.roleGrantPermission, { name: "r", perm });
  await rpc.call(auth.userGrantRole, { user: "ann", role: "r" });
  for (const [ID, name] of [
    [1n, "a"],
    [2n, "z"],
  ] as const) {
    await rpc.call(lease.leaseGrant, { ID, TTL: 1_000 });
    await rpc.call(kv.put, put({ key: Buffer.from(name), value: key, lease: ID }));
  }
  await rpc.call(auth.authEnable, {});
  const tokens: (string | undefined)[] = [undefined, "abc.1"];
  for (const name of ["ann", "root"]) {
    const password = name === "root" ? ROOT_PASSWORD : "a";
    tokens.push((await rpc.call(auth.authenticate, { name, password })).token);
  }
  const outcomes: string[] = [];
  for (const token of tokens) {
    for (const stream of STREAMS) {
      outcomes.push(`${stream.path} ${await firstOf(rpc, stream, token)}`);
    }
  }
  return outcomes;
}

const { WatchRequest, WatchResponse, WatchCreateRequest } = etcdserverpb;
const { LeaseKeepAliveRequest, LeaseKeepAliveResponse } = etcdserverpb;
const { RangeRequest, RangeStreamResponse, SnapshotRequest, SnapshotResponse } = etcdserverpb;

interface StreamCase {
  readonly path: string;
  readonly request: unknown;
  readonly types: readonly [unknown, unknown];
}

const watch = (name: string, rangeEnd: string, startRevision = 0): StreamCase => {
  const create = {
    ...WatchCreateRequest.decode(new Uint8Array()),
    ...{ key: Buffer.from(name), rangeEnd: Buffer.from(rangeEnd), startRevision },
  };
  const request = { requestUnion: { $case: "createRequest" as const, value: create } };
  return { path: "/etcdserverpb.Watch/Watch", request, types: [WatchRequest, WatchResponse] };
};
const keepAlive = (ID: bigint): StreamCase => ({
  path: "/etcdserverpb.Lease/LeaseKeepAlive",
  request: { ID },
  types: [LeaseKeepAliveRequest, LeaseKeepAliveResponse],
});
const rangeStream = (name: string, rangeEnd: string): StreamCase => ({
  path: "/etcdserverpb.KV/RangeStream",
  request: range({ key: Buffer.from(name), rangeEnd: Buffer.from(rangeEnd) }),
  types: [RangeRequest, RangeStreamResponse],
});

const STREAMS: readonly StreamCase[] = [
  ...[watch("a", ""), watch("a", "c"), watch("a", "d"), watch("", ""), watch("z", "", -1)],
  ...[keepAlive(1n), keepAlive(2n), keepAlive(99n)],
  ...[rangeStream("a", "c"), rangeStream("a", "\0"), rangeStream("", "")],
  {
    path: "/etcdserverpb.Maintenance/Snapshot",
    request: {},
    types: [SnapshotRequest, SnapshotResponse],
  },
];

/** The first message, or how the stream ended without one. */
function firstOf(rpc: Rpc, { path, request, types }: StreamCase, token?: string): Promise<string> {
  const [requestType, responseType] = types as [never, never];
  return new Promise((resolve) => {
    const stream = rpc.stream<unknown, object>(path, requestType, responseType, token);
    stream.on("data", (message: object) => {
      const shown = path.endsWith("Snapshot") ? "bytes" : JSON.stringify(plain(message));
      resolve(shown);
      stream.cancel();
    });
    stream.on("error", ({ code, details }: { code: number; details: string }) => {
      resolve(`${code} ${details}`);
    });
    stream.on("end", () => resolve("end"));
    stream.write(request);
    // The others take one request, and real servers wait for its end.
    if (!/Watch|KeepAlive/.test(path)) stream.end();
  });
}

async function compare(
  sides: readonly [Side, Side],
  { differences }: { readonly differences: Differences },
): Promise<void> {
  const prng = createPrng(seed);
  const ops = new RandomAuthOps(prng);
  const both = <Answer>(ask: (side: Side) => Promise<Answer>) => Promise.all(sides.map(ask));
  await both((side) => beginWithRoot(side));
  if (isBefore37) await both(({ rpc }) => rpc.call(auth.authEnable, {}));
  const seen = new Map<string, number>();
  for (let made = 0; made < OPS; ) {
    const op = ops.next();
    if (op.store !== undefined && endsEtcd(op.store)) continue;
    if (isBefore37 && !isOfAllVersions(op)) continue;
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
