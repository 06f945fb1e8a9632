import { createServer, type RequestListener, type Server } from "node:http";
import { nodeClock } from "@kvorum/base/node";
import { afterEach, describe, expect, it } from "vitest";
import { PeerClient } from "./peer-client.js";
import { TEST_CLUSTER_ID, TestCluster } from "./testing/test-cluster.js";

const cluster = new TestCluster();
const client = new PeerClient({ clock: nodeClock, electionTimeoutMs: 1000 });
let server: Server | undefined;
afterEach(async () => {
  await cluster.stop();
  server?.closeAllConnections();
  server?.close();
});

const timeoutMs = 5000;
const members = [
  {
    id: 0xfff0000000000001n,
    peerUrls: ["http://a:1"],
    isLearner: false,
    name: 'x"id":5',
    clientUrls: ["http://a:2"],
  },
  { id: 2n, peerUrls: ["http://b:1"], isLearner: true, name: "", clientUrls: [] },
];

async function serve(handler: RequestListener): Promise<string> {
  server = createServer(handler);
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  return `http://127.0.0.1:${typeof bound === "object" ? bound?.port : 0}`;
}

describe("a question to another member", () => {
  it("is understood on both sides", async () => {
    const one = await cluster.start({ id: 1n });
    const { host } = one;
    const target = { url: one.url, timeoutMs };
    host.memberList = members;
    const failed: string[] = [];
    const found = await client.getMembers(["http://127.0.0.1:1", one.url], timeoutMs, (address) =>
      failed.push(address),
    );
    expect(found).toEqual({ clusterId: TEST_CLUSTER_ID, members });
    expect(failed).toEqual(["http://127.0.0.1:1/members"]);
    const versions = { server: "3.7.1", cluster: "3.7.0", storage: "3.7.0" };
    expect(await client.getVersion(target)).toEqual(versions);
    expect(await client.getDowngradeEnabled(target)).toBe(false);
    host.downgradeEnabled = async () => ({ kind: "known", enabled: true });
    expect(await client.getDowngradeEnabled(target)).toBe(true);
  });

  it("promotes", async () => {
    const { host, url } = await cluster.start({ id: 1n });
    const target = { url, timeoutMs };
    const asked: unknown[] = [];
    host.promote = async (...args) => {
      asked.push(args);
      return { kind: "promoted", members };
    };
    expect(await client.postPromote(target, 2n, "token")).toEqual({ kind: "promoted", members });
    expect(asked).toEqual([[2n, "token"]]);
    for (const kind of ["unknown-member", "not-a-learner", "learner-not-ready"] as const) {
      host.promote = async () => ({ kind });
      expect(await client.postPromote(target, 2n, undefined)).toEqual({ kind });
    }
    host.promote = async () => ({ kind: "failed", reason: "secret" });
    expect(await client.postPromote(target, 2n, undefined)).toEqual({
      kind: "failed",
      reason: 'member promote: unknown error({"message":"Internal Server Error"})',
    });
  });

  it("hashes", async () => {
    const { host, url } = await cluster.start({ id: 1n });
    const target = { url, timeoutMs };
    const hash = (revision: number, clusterId: bigint = TEST_CLUSTER_ID) =>
      client.hashKv(target, { clusterId, revision });
    const answer = { kind: "hash", currentRevision: 5, hash: 0, compactRevision: -1 } as const;
    host.hashKv = async (revision) => ({ ...answer, hashRevision: revision });
    expect(await hash(3)).toEqual({ ...answer, hashRevision: 3 });
    expect(await hash(0)).toEqual({ ...answer, hashRevision: 0 });
    expect(await hash(3, 5n)).toEqual({ kind: "cluster-mismatch" });
    for (const kind of ["compacted", "future-revision"] as const) {
      host.hashKv = async () => ({ kind });
      expect(await hash(3)).toEqual({ kind });
    }
  });

  it("renews leases and asks for them", async () => {
    const { host, url } = await cluster.start({ id: 1n });
    const target = { url, timeoutMs };
    const asked: unknown[] = [];
    host.leaseKeepAlive = async (id) => {
      asked.push(id);
      return { kind: "renewed", ttlSeconds: 9 };
    };
    host.leaseTimeToLive = async (id, withKeys) => {
      asked.push(id, withKeys);
      const keys = withKeys ? [new Uint8Array(Buffer.from("k"))] : [];
      return { kind: "found", ttlSeconds: 8, grantedTtlSeconds: 9, keys };
    };
    const id = -5n;
    expect(await client.leaseKeepAlive(target, id)).toEqual({ kind: "renewed", ttlSeconds: 9 });
    const found = await client.leaseTimeToLive(target, { id, withKeys: true });
    expect(found).toMatchObject({ kind: "found", ttlSeconds: 8, grantedTtlSeconds: 9 });
    expect(found.kind === "found" && Buffer.from(found.keys[0]!).toString()).toBe("k");
    expect(asked).toEqual([id, id, true]);
    for (const kind of ["not-found", "not-primary", "timed-out"] as const) {
      host.leaseKeepAlive = async () => ({ kind });
      host.leaseTimeToLive = async () => ({ kind });
      expect(await client.leaseKeepAlive(target, id)).toEqual({ kind });
      expect(await client.leaseTimeToLive(target, { id, withKeys: false })).toEqual({ kind });
    }
  });
});

describe("an answer", () => {
  it("that takes too long fails", async () => {
    const url = await serve((_, response) => {
      response.writeHead(200);
      response.write("{");
    });
    await expect(client.getVersion({ url, timeoutMs: 100 })).rejects.toMatchObject({
      name: "PeerError",
      code: "TIMED_OUT",
    });
  });

  it("that is too long fails", async () => {
    const url = await serve((_, response) => {
      const write = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, 32)));
        if (!response.destroyed) response.once("drain", write);
      };
      response.on("error", () => {});
      write();
    });
    await expect(client.getVersion({ url, timeoutMs })).rejects.toMatchObject({
      code: "TOO_LARGE",
    });
  });

  it.each([
    "",
    "x",
    "[]x",
    '{"a":1}',
    '[{"id":"5"}]',
    '[{"peerURLs":[]}]',
    '[{"id":1,"peerURLs":[2]}]',
  ])("%j is no member list", async (body) => {
    const url = await serve((_, response) => {
      response.setHeader("X-Etcd-Cluster-ID", "1");
      response.end(body.replace('"id":"5"', '"name":"5"'));
    });
    await expect(client.getMembers([url], timeoutMs)).rejects.toMatchObject({
      message: "could not retrieve cluster information from the given URLs",
    });
  });

  it("without members ends the search", async () => {
    const url = await serve((_, response) => {
      response.setHeader("X-Etcd-Cluster-ID", "1");
      response.end("[]");
    });
    await expect(client.getMembers([url], timeoutMs)).rejects.toMatchObject({
      message: "failed to get raft cluster member(s) from the given URLs",
    });
  });

  it("that is a refusal tells its status", async () => {
    const url = await serve((_, response) => {
      response.statusCode = 500;
      response.end("broken\n");
    });
    await expect(client.getDowngradeEnabled({ url, timeoutMs })).rejects.toMatchObject({
      code: "REFUSED",
      status: 500,
      message: `GET ${url}/downgrade/enabled: 500 broken`,
    });
    await expect(client.getVersion({ url: "http://127.0.0.1:1", timeoutMs })).rejects.toMatchObject(
      {
        code: "UNREACHABLE",
      },
    );
  });
});
