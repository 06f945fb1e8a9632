import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect } from "vitest";
import { kvorumOn, TestCluster } from "../support/cluster.js";
import {
  channelOf,
  makeCertificate,
  makeCertificates,
  tlsArgs,
  whyNoCertificates,
} from "../support/cluster-certificates.js";
import {
  findEtcd,
  findOnPath,
  findRestorer,
  freePort,
  scratchDirectory,
  startEtcd,
  startKvorum,
} from "../support/processes.js";
import { auth, kv, maintenance, put, Rpc, range } from "../support/rpc.js";
import { testUnless } from "../support/skip.js";

/** Users, roles and tokens, with the real etcdctl and a real etcd where there are some. */

const run = promisify(execFile);
const KVORUMUTL = fileURLToPath(new URL("../../packages/ctl/bin/kvorumutl.js", import.meta.url));
const etcd = findEtcd();
const hasCtl = findOnPath("etcdctl") !== undefined;
const FAST = ["--bcrypt-cost=4"];
/** A login within the two seconds of the default may fail on a busy machine. */
const PATIENT = ["--dial-timeout=20s", "--command-timeout=20s"];
const TEST_TIMEOUT_MS = 180_000;

function etcdctl(endpoint: string) {
  const env = { ...process.env, ETCDCTL_API: "3" };
  const call = (args: readonly string[]) =>
    run("etcdctl", ["--endpoints", endpoint, ...PATIENT, ...args], { env });
  return {
    async out(...args: string[]): Promise<string> {
      return (await call(args)).stdout;
    },
    async fails(...args: string[]): Promise<string> {
      const outcome = await call(args).catch((error: { stderr: string }) => error.stderr);
      expect(typeof outcome, `etcdctl ${args.join(" ")} should have failed`).toBe("string");
      return String(outcome).trim().split("\n").at(-1)!;
    },
  };
}

testUnless(hasCtl ? undefined : "no etcdctl on PATH")(
  "etcdctl turns authentication on; users may do what their roles allow, also after a restart",
  async () => {
    const node = await startKvorum("lmdb", { args: FAST });
    const ctl = etcdctl(node.endpoint);
    const root = "--user=root:rootpw";
    const ann = "--user=ann:annpw";
    const denied = "Error: etcdserver: permission denied";
    expect(await ctl.out("put", "a", "1")).toBe("OK\n");
    expect(await ctl.out("user", "add", "root:rootpw")).toBe("User root created\n");
    expect(await ctl.out("user", "add", "ann:annpw")).toBe("User ann created\n");
    expect(await ctl.out("role", "add", "writer")).toBe("Role writer created\n");
    await ctl.out("role", "grant-permission", "writer", "readwrite", "a", "c");
    await ctl.out("role", "grant-permission", "writer", "read", "--prefix", "p/");
    expect(await ctl.out("user", "grant-role", "ann", "writer")).toBe(
      "Role writer is granted to user ann\n",
    );
    expect(await ctl.out("auth", "enable")).toBe("Authentication Enabled\n");

    expect(await ctl.fails("get", "a")).toBe("Error: etcdserver: user name is empty");
    expect(await ctl.fails("--user=ann:wrong", "get", "a")).toBe(
      "Error: etcdserver: authentication failed, invalid user ID or password",
    );
    expect(await ctl.out(ann, "put", "b", "2")).toBe("OK\n");
    expect(await ctl.out(ann, "get", "a", "c", "--keys-only")).toBe("a\n\nb\n\n");
    expect(await ctl.fails(ann, "get", "a", "d")).toBe(denied);
    expect(await ctl.fails(ann, "put", "p/1", "x")).toBe(denied);
    expect(await ctl.out(ann, "get", "p/", "--prefix")).toBe("");
    expect(await ctl.fails(ann, "user", "list")).toBe(denied);
    expect(await ctl.out(ann, "user", "get", "ann")).toBe("User: ann\nRoles: writer\n");
    expect(await ctl.fails(ann, "compaction", "2")).toBe(denied);
    expect(await ctl.fails(ann, "member", "remove", "1")).toBe(denied);
    expect(await ctl.fails(ann, "snapshot", "save", join(node.dataDir, "s"))).toContain("denied");
    expect(await ctl.fails(ann, "watch", "z")).toContain("watch is canceled by the server");
    const granted = await ctl.out(root, "lease", "grant", "1000");
    const [, leaseId = ""] = /^lease ([0-9a-f]+) granted/.exec(granted)!;
    await ctl.out(root, "put", "z", "1", `--lease=${leaseId}`);
    expect(await ctl.fails(ann, "lease", "revoke", leaseId)).toContain("permission denied");
    expect(await ctl.out(ann, "lease", "grant", "10")).toContain("granted with TTL(10s)");

    await node.stop();
    const again = await startKvorum("lmdb", { args: FAST, dataDir: node.dataDir });
    const ctlAgain = etcdctl(again.endpoint);
    expect(await ctlAgain.out(ann, "get", "b")).toBe("b\n2\n");
    expect(await ctlAgain.fails(ann, "get", "z")).toBe(denied);
    await ctlAgain.out(root, "user", "delete", "ann");
    expect(await ctlAgain.fails(ann, "get", "b")).toContain("authentication failed");
    expect(await ctlAgain.out(root, "auth", "disable")).toBe("Authentication Disabled\n");
    expect(await ctlAgain.out("get", "z")).toBe("z\n1\n");
    await again.stop();
  },
  TEST_TIMEOUT_MS,
);

testUnless(etcd === undefined || !hasCtl ? "no etcd and etcdctl on PATH" : undefined)(
  "users go with a snapshot from etcd to Kvorum and back",
  async () => {
    const directory = scratchDirectory("auth-snapshot");
    const real = await startEtcd(etcd!, { args: FAST });
    const first = etcdctl(real.endpoint);
    for (const [name, password] of [
      ["root", "rootpw"],
      ["ann", "annpw"],
    ]) {
      await first.out("user", "add", `${name}:${password}`);
    }
    await first.out("role", "add", "reader");
    await first.out("role", "grant-permission", "reader", "read", "a", "b");
    await first.out("user", "grant-role", "ann", "reader");
    await first.out("put", "a", "from etcd");
    await first.out("auth", "enable");
    const root = "--user=root:rootpw";
    const ann = "--user=ann:annpw";
    const there = join(directory, "etcd.snap");
    await first.out(root, "snapshot", "save", there);
    const hash = await first.out(root, "endpoint", "hashkv");
    await real.stop();

    const peer = "http://127.0.0.1:1";
    const dataDir = join(directory, "kvorum");
    const initial = ["--initial-cluster", `default=${peer}`, "--initial-advertise-peer-urls", peer];
    await run(KVORUMUTL, ["snapshot", "restore", there, "--data-dir", dataDir, ...initial]);
    const node = await startKvorum("lmdb", { dataDir, args: FAST });
    const second = etcdctl(node.endpoint);
    expect(hashOf(await second.out(root, "endpoint", "hashkv"))).toBe(hashOf(hash));
    expect(await second.out(ann, "get", "a")).toBe("a\nfrom etcd\n");
    expect(await second.fails(ann, "put", "a", "x")).toContain("permission denied");
    expect(await second.out(root, "user", "add", "bob:bobpw")).toBe("User bob created\n");
    await second.out(root, "user", "grant-role", "bob", "reader");
    const back = join(directory, "kvorum.snap");
    await second.out(root, "snapshot", "save", back);
    await node.stop();

    const dataDirBack = join(directory, "etcd");
    const peerBack = `http://127.0.0.1:${await freePort()}`;
    await run(
      findRestorer(etcd!),
      [
        ...["snapshot", "restore", back, "--data-dir", dataDirBack],
        ...["--initial-cluster", `default=${peerBack}`],
        ...["--initial-advertise-peer-urls", peerBack],
      ],
      { env: { ...process.env, ETCDCTL_API: "3" } },
    );
    const restored = await startEtcd(etcd!, { dataDir: dataDirBack, args: FAST });
    const third = etcdctl(restored.endpoint);
    expect(hashOf(await third.out(root, "endpoint", "hashkv"))).toBe(hashOf(hash));
    expect(await third.out("--user=bob:bobpw", "get", "a")).toBe("a\nfrom etcd\n");
    expect(await third.fails("--user=bob:bobpw", "get", "c")).toContain("permission denied");
    await restored.stop();
  },
  TEST_TIMEOUT_MS,
);

/** "127.0.0.1:2379, 1234567890" and, from 3.6 on, a revision behind. */
function hashOf(line: string): string | undefined {
  return line.split(",")[1]?.trim();
}

describe("tokens", () => {
  const always = testUnless(undefined);

  always(
    "that are signed count on a member that only knows the public key",
    async () => {
      const directory = scratchDirectory("jwt");
      const at = (name: string) => join(directory, name);
      const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      writeFileSync(at("priv.pem"), privateKey.export({ type: "pkcs8", format: "pem" }));
      writeFileSync(at("pub.pem"), publicKey.export({ type: "spki", format: "pem" }));
      const jwt = `--auth-token=jwt,sign-method=ES256,pub-key=${at("pub.pem")}`;
      const signing = [...FAST, `${jwt},priv-key=${at("priv.pem")},ttl=1m`];
      const node = await startKvorum("lmdb", { args: signing });
      const rpc = new Rpc(node.endpoint);
      const login = { name: "root", password: "r" };
      await enableWithRoot(rpc, "r");
      const { token } = await rpc.call(auth.authenticate, login);
      const payload = JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString());
      expect(payload).toMatchObject({ username: "root", revision: 3 });
      expect(payload.exp * 1000).toBeGreaterThan(Date.now() + 30_000);
      const key = Buffer.from("k");
      await rpc.call(kv.put, put({ key, value: key }), 20_000, token);
      // What changes users makes tokens of the time before worthless, but not for administration.
      await rpc.call(auth.roleAdd, { name: "r1" }, 20_000, token);
      await expect(rpc.call(kv.range, range({ key }), 20_000, token)).rejects.toMatchObject({
        details: "etcdserver: revision of auth store is old",
      });
      await rpc.call(maintenance.hashKV, { revision: 0 }, 20_000, token);
      const { token: fresh } = await rpc.call(auth.authenticate, login);
      expect((await rpc.call(kv.range, range({ key }), 20_000, fresh)).kvs).toHaveLength(1);
      rpc.close();
      await node.stop();

      const verifying = await startKvorum("lmdb", { args: [...FAST, jwt], dataDir: node.dataDir });
      const other = new Rpc(verifying.endpoint);
      expect((await other.call(kv.range, range({ key }), 20_000, fresh)).kvs).toHaveLength(1);
      expect((await other.call(kv.range, range({ key }), 20_000, `Bearer ${fresh}`)).count).toBe(1);
      await expect(other.call(auth.authenticate, login)).rejects.toMatchObject({
        details: "auth: token signing attempted with verify-only key",
      });
      const forged = `${fresh.slice(0, -8)}AAAAAAAA`;
      await expect(other.call(kv.range, range({ key }), 20_000, forged)).rejects.toMatchObject({
        details: "etcdserver: invalid auth token",
      });
      other.close();
      await verifying.stop();
    },
    TEST_TIMEOUT_MS,
  );

  always(
    "expire when they are not used",
    async () => {
      const node = await startKvorum("memory", { args: [...FAST, "--auth-token-ttl=4"] });
      const rpc = new Rpc(node.endpoint);
      await enableWithRoot(rpc, "r");
      const { token } = await rpc.call(auth.authenticate, { name: "root", password: "r" });
      await rpc.call(auth.userList, {}, 20_000, token);
      await new Promise((resolve) => setTimeout(resolve, 5_000));
      await expect(rpc.call(auth.userList, {}, 20_000, token)).rejects.toMatchObject({
        code: 16,
        details: "etcdserver: invalid auth token",
      });
      rpc.close();
      await node.stop();
    },
    TEST_TIMEOUT_MS,
  );
});

testUnless(whyNoCertificates())(
  "the common name of a client's certificate says who calls, where no token does",
  async () => {
    const directory = scratchDirectory("common-names");
    const server = makeCertificates(directory);
    const ann = makeCertificate(directory, "ann", { suffix: "-ann" });
    const root = makeCertificate(directory, "root", { suffix: "-root" });
    const cluster = await TestCluster.start({
      programs: [kvorumOn("lmdb")],
      scheme: "https",
      channel: channelOf(server),
      args: [...FAST, ...tlsArgs(server)],
    });
    const { endpoint } = cluster.at(0);
    const asRoot = new Rpc(endpoint, channelOf(root));
    const asAnn = new Rpc(endpoint, channelOf(ann));
    const asServer = new Rpc(endpoint, channelOf(server));
    try {
      await enableWithRoot(asRoot, "r");
      const noPassword = { password: "", options: { noPassword: true }, hashedPassword: "" };
      await asRoot.call(auth.userAdd, { name: "ann", ...noPassword });
      await asRoot.call(auth.roleAdd, { name: "writer" });
      const perm = { permType: 2, key: Buffer.from("a"), rangeEnd: Buffer.alloc(0) };
      await asRoot.call(auth.roleGrantPermission, { name: "writer", perm });
      await asRoot.call(auth.userGrantRole, { user: "ann", role: "writer" });
      const key = Buffer.from("a");
      await asAnn.call(kv.put, put({ key, value: key }));
      expect((await asAnn.call(kv.range, range({ key }))).count).toBe(1);
      const other = range({ key: Buffer.from("b") });
      const denied = { details: "etcdserver: permission denied" };
      await expect(asAnn.call(kv.range, other)).rejects.toMatchObject(denied);
      await expect(asServer.call(kv.range, other)).rejects.toMatchObject(denied);
      await expect(asServer.call(auth.userList, {})).rejects.toMatchObject({
        details: "etcdserver: user name not found",
      });
      const { token } = await asAnn.call(auth.authenticate, { name: "root", password: "r" });
      expect((await asAnn.call(kv.range, other, 20_000, token)).count).toBe(0);
    } finally {
      for (const rpc of [asRoot, asAnn, asServer]) rpc.close();
      await cluster.stop();
    }
  },
  TEST_TIMEOUT_MS,
);

async function enableWithRoot(rpc: Rpc, password: string): Promise<void> {
  const user = { name: "root", password, options: undefined, hashedPassword: "" };
  await rpc.call(auth.userAdd, user);
  await rpc.call(auth.userGrantRole, { user: "root", role: "root" });
  await rpc.call(auth.authEnable, {});
}
