import { hexId } from "@kvorum/base";
import { nodeClock } from "@kvorum/base/node";
import { type Message, MessageType } from "@kvorum/raft";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { findEtcd } from "../testing/find-etcd.js";
import { frameMessage } from "./message-stream-codec.js";
import { PeerClient, type RemoteCluster } from "./peer-client.js";
import { ask } from "./testing/ask.js";
import { messageOf } from "./testing/messages.js";
import { freeUrl, RealEtcd } from "./testing/real-etcd.js";
import { TestCluster } from "./testing/test-cluster.js";

const found = findEtcd();
if (found === undefined) {
  console.log("skipped: no etcd on PATH and none named in KVORUM_TEST_ETCD");
}
const isCurrent = found?.release === "3.7";
if (!isCurrent) console.log("skipped: pages that only etcd 3.7 answers alike");

const timeoutMs = 5000;
const client = new PeerClient({ clock: nodeClock, electionTimeoutMs: 1000 });
const ours = new TestCluster();

describe.skipIf(found === undefined)("a real etcd", () => {
  let etcd: RealEtcd;
  let remote: RemoteCluster;
  beforeAll(async () => {
    etcd = await RealEtcd.start(found!.path);
    remote = await client.getMembers([etcd.peerUrl], timeoutMs);
  }, 30_000);
  afterEach(() => ours.stop());
  afterAll(() => etcd?.stop());

  it("is understood", async () => {
    const [member] = remote.members;
    expect(remote.members).toHaveLength(1);
    expect(member).toMatchObject({
      name: "real",
      isLearner: false,
      peerUrls: [etcd.peerUrl],
      clientUrls: [etcd.clientUrl],
    });
    const target = { url: etcd.peerUrl, timeoutMs };
    const version = await client.getVersion(target);
    expect(version.server.startsWith(`${found!.release}.`)).toBe(true);
    expect(version.cluster).toBe(`${found!.release}.0`);
    const { clusterId } = remote;
    expect((await client.hashKv(target, { clusterId, revision: 0 })).kind).toBe("hash");
    expect(await client.leaseKeepAlive(target, 77n)).toEqual({ kind: "not-found" });
    expect(await client.postPromote(target, 77n, undefined)).toEqual({ kind: "unknown-member" });
    if (!isCurrent) return;
    const future = await client.hashKv(target, { clusterId, revision: 1000 });
    expect(future).toEqual({ kind: "future-revision" });
    expect(await client.getDowngradeEnabled(target)).toBe(false);
  });

  it("refuses what this transport refuses, in the same words", async () => {
    const { clusterId } = remote;
    const member = await ours.start({ id: remote.members[0]!.id, clusterId });
    for (const [method, path, headers, body] of requests(clusterId)) {
      const options = { method, headers, body };
      const theirs = await ask(etcd.peerUrl + path, options);
      const answer = await ask(member.url + path, options);
      const shown = (each: typeof theirs) => ({
        status: each.status,
        body: each.body,
        type: each.headers["content-type"],
        allow: each.headers.allow,
        cluster: each.headers["x-etcd-cluster-id"],
      });
      const question = `${method} ${path} ${JSON.stringify(headers)}`;
      expect({ question, ...shown(answer) }).toEqual({ question, ...shown(theirs) });
    }
  });

  it("sends its log to this transport as to a learner", async () => {
    const real = remote.members[0]!;
    // The id follows from the URL, so the port must be known first.
    const url = await freeUrl();
    const added = (await etcd.call("cluster/member/add", {
      peerURLs: [url],
      isLearner: true,
    })) as { member: { ID: string } };
    const id = BigInt(added.member.ID);
    const { clusterId } = remote;
    const learner = await ours.start({ id, clusterId, port: Number(new URL(url).port) });
    const keys: string[] = [];
    let last = 0;
    learner.host.onStep = (message) => {
      const reply = replyTo(message, last);
      if (message.type === MessageType.App && message.index <= last) {
        for (const entry of message.entries.filter(({ index }) => index > last)) {
          keys.push(Buffer.from(entry.data).toString("latin1"));
          last = entry.index;
        }
      }
      if (reply !== undefined) learner.transport.send([replyTo(message, last)!]);
    };
    learner.transport.addPeer(real.id, [etcd.peerUrl]);
    const isUp = () => learner.transport.stat().peers[0]?.hasAllStreams;
    await expect.poll(isUp, { timeout: 10_000 }).toBe(true);
    for (let i = 0; i < 20; i++) {
      const text = Buffer.from(`key-${i}`).toString("base64");
      await etcd.call("kv/put", { key: text, value: text });
    }
    const arrived = () => keys.filter((each) => each.includes("key-")).length;
    await expect.poll(arrived, { timeout: 10_000 }).toBe(20);
    expect(learner.log.filter(({ message }) => message.startsWith("lost"))).toEqual([]);
    await etcd.call("cluster/member/remove", { ID: String(id) });
    await expect.poll(() => learner.host.removals, { timeout: 15_000 }).toBeGreaterThan(0);
  }, 40_000);
});

it.skipIf(!isCurrent)(
  "a real etcd sends its snapshot to this transport",
  async () => {
    const few = { "snapshot-count": "10", "snapshot-catchup-entries": "5" };
    const etcd = await RealEtcd.start(found!.path, few);
    try {
      const { clusterId, members } = await client.getMembers([etcd.peerUrl], timeoutMs);
      const key = Buffer.from("key").toString("base64");
      for (let i = 0; i < 250; i++) await etcd.call("kv/put", { key, value: key });
      const url = await freeUrl();
      const request = { peerURLs: [url], isLearner: true };
      const added = (await etcd.call("cluster/member/add", request)) as { member: { ID: string } };
      const id = BigInt(added.member.ID);
      const learner = await ours.start({ id, clusterId, port: Number(new URL(url).port) });
      const { host, transport } = learner;
      let head = Buffer.alloc(0);
      host.onDb = async (_, db) => {
        for await (const chunk of db) {
          if (head.length < 32) head = Buffer.concat([head, chunk.subarray(0, 32)]);
          host.dbBytes += chunk.length;
        }
      };
      host.onStep = (message) => {
        const reply = replyTo(message, 0);
        if (reply !== undefined) transport.send([reply]);
      };
      transport.addPeer(members[0]!.id, [etcd.peerUrl]);
      const isSnapshot = ({ type }: Message) => type === MessageType.Snap;
      await expect.poll(() => host.stepped.some(isSnapshot), { timeout: 20_000 }).toBe(true);
      const { snapshot, from, to } = host.stepped.find(isSnapshot)!;
      expect([from, to]).toEqual([members[0]!.id, id]);
      expect(snapshot!.metadata.index).toBeGreaterThan(200);
      expect(snapshot!.metadata.confState).toMatchObject({ voters: [from], learners: [to] });
      // Whole pages of a bolt file, the first of which begins with its magic number.
      expect(host.dbBytes % 4096).toBe(0);
      expect(head.readUInt32LE(16)).toBe(0xed0cdaed);
    } finally {
      await ours.stop();
      await etcd.stop();
    }
  },
  60_000,
);

/** What a follower with `last` entries answers, without looking at terms. */
function replyTo(message: Message, last: number): Message | undefined {
  const { from, to, term, context, index, commit } = message;
  const reply = messageOf({ to: from, from: to, term });
  if (message.type === MessageType.Heartbeat) {
    return { ...reply, type: MessageType.HeartbeatResp, context };
  }
  if (message.type !== MessageType.App) return undefined;
  if (index > last) {
    return { ...reply, type: MessageType.AppResp, index, reject: true, rejectHint: last };
  }
  return { ...reply, type: MessageType.AppResp, index: last, commit };
}

type Asked = readonly [string, string, Record<string, string>, Uint8Array | string];

function requests(clusterId: bigint): readonly Asked[] {
  const versions = { "X-Server-Version": "3.4.0", "X-Min-Cluster-Version": "3.0.0" };
  const good = { ...versions, "X-Etcd-Cluster-ID": hexId(clusterId) };
  const stream = "/raft/stream/msgapp";
  const common: readonly Asked[] = [
    ["POST", `${stream}/1`, good, ""],
    ["GET", `${stream}/1`, {}, ""],
    ["GET", `${stream}/1`, { ...good, "X-Server-Version": "2.3.0" }, ""],
    ["GET", `${stream}/1`, { ...good, "X-Min-Cluster-Version": "9.0.0" }, ""],
    ["GET", `${stream}/1`, versions, ""],
    ["GET", `${stream}/1`, { ...good, "X-Etcd-Cluster-ID": "1" }, ""],
    ["GET", "/raft/stream/other/1", good, ""],
    ["GET", `${stream}/`, good, ""],
    ["GET", `${stream}/x`, good, ""],
    ["GET", `${stream}/1`, good, ""],
    ["GET", "/raft", good, ""],
    ["POST", "/raft", {}, ""],
    ["POST", "/raft", versions, ""],
    ["GET", "/raft/snapshot", good, ""],
    ["POST", "/raft/snapshot", versions, ""],
    ["POST", "/raft/snapshot", good, ""],
    ["POST", "/raft/snapshot", good, "xxxx"],
    ["POST", "/raft/snapshot", good, frameMessage(messageOf({ type: MessageType.Vote }))],
    ["GET", "/", {}, ""],
    ["GET", "/raft/other", {}, ""],
    ["GET", "/leases", {}, ""],
    ["POST", "/members", {}, ""],
    ["GET", "/members/promote/1", {}, ""],
    ["POST", "/members/promote/x", {}, ""],
  ];
  if (!isCurrent) return common;
  return [
    ...common,
    ["POST", "/raft/snapshot", good, "xxxxxxxxxxxx"],
    ["POST", "/leases", {}, "x"],
    ["POST", "/leases", {}, Buffer.alloc(70_000)],
    ["POST", "/leases/other", {}, ""],
    ["GET", "/members/", {}, ""],
    ["POST", "/version", {}, ""],
    ["GET", "/version", {}, ""],
    ["GET", "/downgrade/enabled", {}, ""],
    ["POST", "/downgrade/enabled", {}, ""],
    ["POST", "/members/hashkv", {}, ""],
    ["GET", "/members/hashkv", {}, "x"],
    ["GET", "/members/hashkv", {}, "[]"],
    ["GET", "/members/hashkv", { "X-Etcd-Cluster-ID": "1" }, "{}"],
  ];
}
