import { etcdserverpb, leasepb } from "@kvorum/api";
import { hexId } from "@kvorum/base";
import { MessageType } from "@kvorum/raft";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { messageToBytes } from "./message-codec.js";
import { frameMessage } from "./message-stream-codec.js";
import { ask } from "./testing/ask.js";
import { messageOf } from "./testing/messages.js";
import { TEST_CLUSTER_ID, TestCluster, type TestMember } from "./testing/test-cluster.js";

const cluster = new TestCluster();
let one: TestMember;
beforeEach(async () => {
  one = await cluster.start({ id: 0x4f9dn });
});
afterEach(() => cluster.stop());

const VERSIONS = { "X-Server-Version": "3.7.1", "X-Min-Cluster-Version": "3.0.0" };
const GOOD = { ...VERSIONS, "X-Etcd-Cluster-ID": hexId(TEST_CLUSTER_ID) };
const TEXT = { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" };

describe("a stream", () => {
  it.each([
    ["POST", "msgapp/7", GOOD, 405, "Method Not Allowed"],
    ["GET", "msgapp/7", {}, 412, "incompatible version"],
    ["GET", "msgapp/7", { ...GOOD, "X-Server-Version": "2.3.8" }, 412, "incompatible version"],
    ["GET", "msgapp/7", { ...GOOD, "X-Server-Version": "3.7" }, 412, "incompatible version"],
    ["GET", "msgapp/7", { ...GOOD, "X-Min-Cluster-Version": "3.8.0" }, 412, "incompatible version"],
    ["GET", "msgapp/7", VERSIONS, 412, "cluster ID mismatch"],
    ["GET", "msgapp/7", { ...GOOD, "X-Etcd-Cluster-ID": "1" }, 412, "cluster ID mismatch"],
    ["GET", "msgappv2/7", GOOD, 404, "invalid path"],
    ["GET", "msgapp", GOOD, 404, "invalid path"],
    ["GET", "msgapp/7/8", GOOD, 404, "invalid path"],
    ["GET", "msgapp/", GOOD, 404, "invalid from"],
    ["GET", "msgapp/0x7", GOOD, 404, "invalid from"],
    ["GET", "message/10000000000000000", GOOD, 404, "invalid from"],
    ["GET", "message/bad", { ...GOOD, "X-Raft-To": "4f9d" }, 410, "removed member"],
    ["GET", "message/7", { ...GOOD, "X-Raft-To": "1" }, 404, "error sender not found"],
    ["GET", "message/8", { ...GOOD, "X-Raft-To": "4F9D" }, 412, "to field mismatch"],
    ["GET", "message/8", GOOD, 412, "to field mismatch"],
  ])("%s %s with %o is refused", async (method, path, headers, status, text) => {
    one.host.removed.add(0xbadn);
    one.transport.addPeer(8n, []);
    const url = `${one.url}/raft/stream/${path}`;
    const answer = await ask(url, { method, headers: headers as Record<string, string> });
    expect(answer).toMatchObject({ status, body: `${text}\n`, headers: TEXT });
    if (status === 405) expect(answer.headers.allow).toBe("GET");
    else expect(answer.headers).toMatchObject({ "x-server-version": "3.7.1" });
    if (status !== 405) expect(answer.headers["x-etcd-cluster-id"]).toBe("abcde");
  });

  it("of a newer or a much older release is welcome", async () => {
    for (const version of ["3.0.0", "3.6.1-rc.0", "3.99.1", "4.0.0"]) {
      const headers = { ...GOOD, "X-Server-Version": version };
      const answer = await ask(`${one.url}/raft/stream/msgapp/7`, { headers });
      expect(answer.body).toBe("error sender not found\n");
    }
  });

  it("of an unknown sender tells where to reach it", async () => {
    const headers = { ...GOOD, "X-PeerURLs": "http://127.0.0.1:1,http://127.0.0.1:2" };
    await ask(`${one.url}/raft/stream/msgapp/77`, { headers });
    await ask(`${one.url}/raft/stream/msgapp/78`, {
      headers: { ...GOOD, "X-PeerURLs": "nonsense" },
    });
    await ask(`${one.url}/raft/stream/msgapp/79`, {
      headers: { ...headers, "X-Etcd-Cluster-ID": "" },
    });
    expect(one.transport.stat().remotes).toEqual([0x77n]);
  });
});

describe("a posted message", () => {
  const post = (body: Uint8Array, headers: Record<string, string> = GOOD) =>
    ask(`${one.url}/raft`, { method: "POST", headers, body });

  it("is taken", async () => {
    const message = messageOf({ type: MessageType.Vote, to: 0x4f9dn, from: 7n, term: 3 });
    const from = { "X-Server-From": "7", "X-PeerURLs": "http://127.0.0.1:1" };
    const answer = await post(messageToBytes(message), { ...GOOD, ...from });
    expect(answer).toMatchObject({ status: 204, body: "" });
    expect(answer.headers["x-etcd-cluster-id"]).toBe("abcde");
    expect(one.host.stepped).toEqual([message]);
    expect(one.transport.stat().remotes).toEqual([7n]);
  });

  it("that raft sends to itself only is not", async () => {
    for (const type of [MessageType.Hup, MessageType.Unreachable, MessageType.StorageAppendResp]) {
      const answer = await post(messageToBytes(messageOf({ type, to: 0x4f9dn, from: 7n })));
      expect(answer.status).toBe(204);
    }
    expect(one.host.stepped).toEqual([]);
  });

  it("is refused as etcd does", async () => {
    one.host.removed.add(0xbadn);
    const good = messageToBytes(messageOf({ to: 0x4f9dn, from: 7n }));
    const wrongMethod = await ask(`${one.url}/raft`, { headers: GOOD });
    expect(wrongMethod).toMatchObject({ status: 405, body: "Method Not Allowed\n" });
    expect(wrongMethod.headers.allow).toBe("POST");
    const cases = [
      [good, {}, 412, "incompatible version"],
      [good, VERSIONS, 412, "cluster ID mismatch"],
      [Buffer.from("20"), GOOD, 400, "error unmarshalling raft message"],
      [messageToBytes(messageOf({ to: 1n })), GOOD, 500, "error processing raft message"],
      [
        messageToBytes(messageOf({ to: 0x4f9dn, from: 0xbadn })),
        GOOD,
        500,
        "error processing raft message",
      ],
    ] as const;
    for (const [body, headers, status, text] of cases) {
      const answer = await post(body, headers);
      expect(answer).toMatchObject({ status, body: `${text}\n`, headers: TEXT });
    }
    expect(one.host.stepped).toEqual([]);
  });
});

describe("a posted snapshot", () => {
  const post = (body: Uint8Array, headers: Record<string, string> = GOOD) =>
    ask(`${one.url}/raft/snapshot`, { method: "POST", headers, body });
  const confState = {
    voters: [1n],
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
  const snapshot = { data: Buffer.from("{}"), metadata: { index: 9, term: 2, confState } };
  const good = messageOf({ type: MessageType.Snap, to: 0x4f9dn, from: 7n, snapshot });

  it("is saved, then stepped", async () => {
    const order: string[] = [];
    one.host.onDb = async (_, db) => {
      for await (const chunk of db) one.host.dbBytes += chunk.length;
      order.push("saved");
    };
    one.host.onStep = () => order.push("stepped");
    const answer = await post(Buffer.concat([frameMessage(good), Buffer.alloc(100_000)]));
    expect(answer).toMatchObject({ status: 204, body: "" });
    expect(order).toEqual(["saved", "stepped"]);
    expect(one.host.stepped).toEqual([good]);
    expect(one.host.dbBytes).toBe(100_000);
  });

  it("is refused as etcd does", async () => {
    const undecodable = "failed to decode raft message";
    const wrongType = "wrong raft message type";
    const mismatch = "cannot process message to mismatch member";
    const wrongMethod = await ask(`${one.url}/raft/snapshot`, { headers: GOOD });
    expect(wrongMethod).toMatchObject({ status: 405, body: "Method Not Allowed\n" });
    const cases = [
      [frameMessage(good), {}, 412, "incompatible version"],
      [frameMessage(good), VERSIONS, 412, "cluster ID mismatch"],
      [Buffer.alloc(0), GOOD, 400, `${undecodable} (EOF)`],
      [Buffer.from("xxxx"), GOOD, 400, `${undecodable} (unexpected EOF)`],
      [Buffer.from("xxxxxxxxxxx"), GOOD, 400, `${undecodable} (rafthttp: error limit exceeded)`],
      [Buffer.alloc(8), GOOD, 400, wrongType],
      [frameMessage(messageOf({ type: MessageType.Snap })), GOOD, 400, wrongType],
      [
        frameMessage({ ...good, to: 1n }),
        GOOD,
        500,
        `failed to process raft message (${mismatch})`,
      ],
    ] as const;
    for (const [body, headers, status, text] of cases) {
      expect(await post(body, headers)).toMatchObject({ status, body: `${text}\n` });
    }
    one.host.onDb = () => Promise.reject(new Error("disk full"));
    const full = { status: 500, body: "failed to save KV snapshot (disk full)\n" };
    expect(await post(frameMessage(good))).toMatchObject(full);
    expect(one.host.stepped).toEqual([]);
  });
});

describe("other pages", () => {
  const members = [
    {
      id: 13328448381644391632n,
      peerUrls: ["http://a:1"],
      isLearner: false,
      name: "s<1>",
      clientUrls: ["http://a:2"],
    },
    { id: 2n, peerUrls: [], isLearner: true, name: "", clientUrls: [] },
  ];
  const membersText =
    '[{"id":13328448381644391632,"peerURLs":["http://a:1"],"name":"s\\u003c1\\u003e","clientURLs":["http://a:2"]},' +
    '{"id":2,"peerURLs":[],"isLearner":true}]\n';

  it.each([
    ["GET", "/", 404, "404 page not found\n"],
    ["GET", "/raft/foo", 404, "404 page not found\n"],
    ["POST", "/leases/foo", 404, "404 page not found\n"],
    ["GET", "/members/", 404, "404 page not found\n"],
    ["POST", "/members", 405, "Method Not Allowed\n"],
    ["POST", "/version", 405, "Method Not Allowed\n"],
    ["POST", "/members/hashkv", 405, "Method Not Allowed\n"],
    ["POST", "/downgrade/enabled", 405, "Method Not Allowed\n"],
    ["GET", "/members/promote/1", 405, "Method Not Allowed\n"],
    ["GET", "/leases", 405, "Method Not Allowed\n"],
    ["GET", "/leases/internal", 405, "Method Not Allowed\n"],
    ["POST", "/members/promote/0x1", 404, "member 0x1 not found in cluster\n"],
    ["POST", "/members/promote/", 404, "member  not found in cluster\n"],
    ["GET", "/members?a=b", 200, membersText],
    ["POST", "/members/promote/2", 200, membersText],
    ["GET", "/version", 200, '{"etcdserver":"3.7.1","etcdcluster":"3.7.0","storage":"3.7.0"}'],
    ["GET", "/downgrade/enabled", 200, "false"],
  ])("%s %s is answered with %d", async (method, path, status, body) => {
    one.host.memberList = members;
    const answer = await ask(one.url + path, { method });
    expect(answer).toMatchObject({ status, body });
    const names = /^\/(members($|\?|\/promote)|downgrade)/;
    if (status !== 405 && names.test(path)) {
      expect(answer.headers["x-etcd-cluster-id"]).toBe("abcde");
    }
    const allowed = path.startsWith("/leases") ? undefined : method === "POST" ? "GET" : "POST";
    if (status === 405) expect(answer.headers.allow).toBe(allowed);
  });

  it("tell what is not decided", async () => {
    one.host.version = () => ({ cluster: undefined, storage: undefined });
    const { body } = await ask(`${one.url}/version`, {});
    expect(body).toBe('{"etcdserver":"3.7.1","etcdcluster":"not_decided","storage":"unknown"}');
  });

  it("give a sign of life", async () => {
    const answer = await ask(`${one.url}/raft/probing`, {});
    expect(answer.body).toMatch(/^\{"OK":true,"Now":"2\d{3}-[0-9T:.-]+Z"\}\n$/);
    expect(answer.headers["content-type"]).toBe("text/plain; charset=utf-8");
  });

  it.each([
    ["unknown-member", 404, "membership: ID not found\n"],
    ["not-a-learner", 412, "membership: can only promote a learner member\n"],
    [
      "learner-not-ready",
      412,
      "etcdserver: can only promote a learner member which is in sync with leader\n",
    ],
    ["failed", 500, '{"message":"Internal Server Error"}'],
  ] as const)("refuse a promotion: %s", async (kind, status, body) => {
    one.host.promote = async () =>
      ({ kind, reason: "no leader" }) as { kind: "failed"; reason: string };
    expect(await ask(`${one.url}/members/promote/2`, { method: "POST" })).toMatchObject({
      status,
      body,
    });
  });

  it("hash the store", async () => {
    const asked: number[] = [];
    one.host.hashKv = async (revision) => {
      asked.push(revision);
      if (revision === 1) return { kind: "compacted" };
      if (revision === 100) return { kind: "future-revision" };
      return {
        kind: "hash",
        currentRevision: 5,
        hash: 1084519789,
        compactRevision: -1,
        hashRevision: 4,
      };
    };
    const hash = (body: string, headers = {}) =>
      ask(`${one.url}/members/hashkv`, { body, headers });
    expect(await hash("{}")).toMatchObject({
      status: 200,
      body: '{"header":{"revision":5},"hash":1084519789,"compact_revision":-1,"hash_revision":4}',
    });
    const compacted = { status: 400, body: "mvcc: required revision has been compacted\n" };
    expect(await hash('{"revision":1}')).toMatchObject(compacted);
    const future = { status: 400, body: "mvcc: required revision is a future revision\n" };
    expect(await hash('{"revision":100}')).toMatchObject(future);
    for (const wrong of ["", "x", "[]", '{"revision":"1"}', '{"revision":1.5}']) {
      const refused = { status: 400, body: "error unmarshalling request\n" };
      expect(await hash(wrong)).toMatchObject(refused);
    }
    const mismatch = { status: 412, body: "cluster ID mismatch\n" };
    expect(await hash("{}", { "X-Etcd-Cluster-ID": "12" })).toMatchObject(mismatch);
    expect(asked).toEqual([0, 1, 100]);
  });

  it("serve leases", async () => {
    const renew = (body: Uint8Array) => ask(`${one.url}/leases`, { method: "POST", body });
    const request = etcdserverpb.LeaseKeepAliveRequest.encode({ ID: 7n }).finish();
    expect(await renew(request)).toMatchObject({ status: 404, body: "lease not found\n" });
    one.host.leaseKeepAlive = async () => ({ kind: "not-primary" });
    expect(await renew(request)).toMatchObject({ status: 400, body: "not a primary lessor\n" });
    one.host.leaseKeepAlive = async () => ({ kind: "timed-out" });
    const late = "waiting for node to catch up its applied index has timed out\n";
    expect(await renew(request)).toMatchObject({ status: 408, body: late });
    const unreadable = { status: 400, body: "error unmarshalling request\n" };
    expect(await renew(Buffer.from("x"))).toMatchObject(unreadable);
    const large = { status: 413, body: "request body too large\n" };
    expect(await renew(Buffer.alloc(70_000))).toMatchObject(large);
    one.host.leaseKeepAlive = async () => ({ kind: "renewed", ttlSeconds: 30 });
    const renewed = await renew(request);
    expect(renewed.headers["content-type"]).toBe("application/protobuf");
    expect(renewed.bytes.toString("hex")).toBe("1007181e");
  });

  it("tell what is left of a lease", async () => {
    const request = leasepb.LeaseInternalRequest.encode({
      LeaseTimeToLiveRequest: { ID: 7n, keys: true },
    }).finish();
    const left = () => ask(`${one.url}/leases/internal`, { method: "POST", body: request });
    expect(await left()).toMatchObject({ status: 404, body: "lease not found\n" });
    one.host.leaseTimeToLive = async () => ({ kind: "not-primary" });
    expect(await left()).toMatchObject({ status: 500, body: "not a primary lessor\n" });
    one.host.leaseTimeToLive = async () => ({
      kind: "found",
      ttlSeconds: 20,
      grantedTtlSeconds: 30,
      keys: [Buffer.from("k")],
    });
    const { status, bytes } = await left();
    expect(status).toBe(200);
    expect(bytes.toString("hex")).toBe("0a0b" + "0a00" + "1007" + "1814" + "201e" + "2a016b");
  });

  it("answer 500 when the host throws", async () => {
    one.host.downgradeEnabled = () => Promise.reject(new Error("broken"));
    const answer = await ask(`${one.url}/downgrade/enabled`, {});
    expect(answer).toMatchObject({ status: 500, body: "broken\n" });
    one.host.downgradeEnabled = async () => ({ kind: "failed", reason: "timed out" });
    const late = { status: 500, body: "failed linearized read: timed out\n" };
    expect(await ask(`${one.url}/downgrade/enabled`, {})).toMatchObject(late);
  });
});

it("a member that stops asks nothing of its host any more", async () => {
  one.host.version = () => {
    throw new Error("the store is closed");
  };
  await one.transport.stop();
  for (const path of ["/version", "/members", "/leases", "/members/promote/7"]) {
    const answer = await ask(`${one.url}${path}`, {});
    expect(answer).toMatchObject({ status: 503, body: "server stopped\n" });
  }
});
