import { createServer as createHttpServer, type ServerResponse } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { equalBytes, hexId, SimulatedClock } from "@kvorum/base";
import { MessageType } from "@kvorum/raft";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createLabelledFamilies, PeerHistograms } from "../observe/labelled-families.js";
import { peerLimits } from "./limits.js";
import { appendOf, messageOf } from "./testing/messages.js";
import {
  areConnected,
  TEST_CLUSTER_ID,
  TestCluster,
  type TestMember,
} from "./testing/test-cluster.js";

const cluster = new TestCluster();
const servers: { readonly server: Server; readonly sockets: Socket[] }[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  await cluster.stop();
  for (const { server, sockets } of servers.splice(0)) {
    server.close();
    for (const socket of sockets) socket.destroy();
  }
});

const beatTo = (to: bigint, fields = {}) =>
  messageOf({ type: MessageType.Heartbeat, from: 1n, term: 3, ...fields, to });

/** Messages none of which makes another one needless. */
const promisesTo = (to: bigint, count: number) =>
  Array.from({ length: count }, (_, index) => beatTo(to, { type: MessageType.AppResp, index }));

async function startAll(count: number): Promise<TestMember[]> {
  const members: TestMember[] = [];
  for (let i = 1; i <= count; i++) members.push(await cluster.start({ id: BigInt(i) }));
  cluster.introduce(members);
  await expect.poll(() => areConnected(members), { timeout: 5000 }).toBe(true);
  return members;
}

/** A port that accepts connections and hands them over, speaking nothing by itself. */
async function listenRaw(onSocket: (socket: Socket) => void): Promise<string> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    onSocket(socket);
  });
  servers.push({ server, sockets });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  return `http://127.0.0.1:${typeof bound === "object" ? bound?.port : 0}`;
}

/** A peer that hears posts and leaves the answers to the caller. */
async function listenPosts(onPost: (response: ServerResponse) => void) {
  const sockets: Socket[] = [];
  const server = createHttpServer((request, response) => {
    request.resume().once("end", () => onPost(response));
  });
  server.on("connection", (socket) => sockets.push(socket));
  servers.push({ server, sockets });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  return { url: `http://127.0.0.1:${typeof bound === "object" ? bound?.port : 0}`, sockets };
}

describe("members", () => {
  it("send to each other over streams, in order", async () => {
    const [one, two, three] = (await startAll(3)) as [TestMember, TestMember, TestMember];
    const append = appendOf({ to: 2n, from: 1n, term: 3, index: 10 }, { count: 5 });
    const next = appendOf({ to: 2n, from: 1n, term: 3, index: 15 }, { count: 700, dataBytes: 300 });
    const large = appendOf({ to: 2n, from: 1n, term: 3, index: 715 }, { count: 3, dataBytes: 5e5 });
    const same = [append, next].map((message) => ({ ...message, to: 3n }));
    one.transport.send([append, ...same, next, large, beatTo(0n), beatTo(9n)]);
    const reply = messageOf({ type: MessageType.AppResp, to: 1n, from: 2n, term: 3, index: 15 });
    two.transport.send([reply]);
    await expect.poll(() => two.host.stepped.length).toBe(3);
    await expect.poll(() => three.host.stepped.length).toBe(2);
    await expect.poll(() => one.host.stepped.length).toBe(1);
    expect(two.host.stepped.slice(0, 2)).toEqual([append, next]);
    // Compared by hand: the test library takes seconds for a megabyte.
    const got = two.host.stepped[2]!;
    expect({ ...got, entries: [] }).toEqual({ ...large, entries: [] });
    expect(got.entries).toHaveLength(3);
    large.entries.forEach(({ data }, i) => {
      expect(equalBytes(got.entries[i]!.data, data)).toBe(true);
    });
    expect(three.host.stepped).toEqual(same);
    expect(one.host.stepped).toEqual([reply]);
    expect(one.host.unreachable).toEqual([]);
    expect(one.transport.connectedSinceMs(2n)).toBeGreaterThan(0);
    expect(one.transport.connectedSinceMs(9n)).toBeUndefined();
  });

  it("get all messages of one call in one write", async () => {
    const [one, two] = (await startAll(2)) as [TestMember, TestMember];
    const writes = vi.spyOn(
      (await import("node:net")).Socket.prototype as unknown as { _writev: () => void },
      "_writev",
    );
    one.transport.send(Array.from({ length: 20 }, (_, i) => beatTo(2n, { commit: i })));
    expect(writes).toHaveBeenCalledTimes(1);
    await expect.poll(() => two.host.stepped.length).toBe(20);
    expect(two.host.stepped.map(({ commit }) => commit)).toEqual([...Array(20).keys()]);
  });

  it("still get what was sent before they were removed", async () => {
    const [one, two] = (await startAll(2)) as [TestMember, TestMember];
    one.transport.send(Array.from({ length: 50 }, (_, i) => beatTo(2n, { commit: i })));
    one.transport.removePeer(2n);
    await expect.poll(() => two.host.stepped.length).toBe(50);
    one.transport.send([beatTo(2n)]);
    expect(one.transport.stat().peers).toEqual([]);
  });

  it("don't hear what is for others, from removed ones, or forged", async () => {
    const [one, two] = (await startAll(2)) as [TestMember, TestMember];
    two.host.removed.add(66n);
    one.transport.addPeer(3n, [two.url]);
    one.transport.send([
      beatTo(3n),
      beatTo(2n, { from: 66n }),
      beatTo(2n, { type: MessageType.Unreachable }),
      beatTo(2n, { commit: 5 }),
    ]);
    await expect.poll(() => two.host.stepped.length).toBe(1);
    expect(two.host.stepped[0]?.commit).toBe(5);
  });

  it("count what they send", async () => {
    const metrics = { labelled: createLabelledFamilies(), peers: new PeerHistograms() };
    const one = await cluster.start({ id: 1n, metrics });
    const two = await cluster.start({ id: 2n });
    cluster.introduce([one, two]);
    await expect.poll(() => areConnected([one, two])).toBe(true);
    one.transport.send([beatTo(2n)]);
    const { peerSentBytes, activePeers, knownPeers } = metrics.labelled;
    expect(peerSentBytes.cell("2").value).toBeGreaterThan(0);
    expect(activePeers.cell("1", "2").value).toBe(1);
    expect(knownPeers.cell("1", "2").value).toBe(1);
    expect(knownPeers.cell("1", "1").value).toBe(1);
    one.transport.removePeer(2n);
    expect(activePeers.cell("1", "2").value).toBe(0);
    expect(knownPeers.cell("1", "2").value).toBe(0);
  });
});

describe("a lost stream", () => {
  it("is dialed again, and carries whole appends at first", async () => {
    const [one, two] = (await startAll(2)) as [TestMember, TestMember];
    const append = appendOf({ to: 2n, from: 1n, term: 3, index: 10 }, { count: 5 });
    one.transport.send([append]);
    await expect.poll(() => two.host.stepped.length).toBe(1);
    const port = Number(new URL(one.url).port);
    one.listener.close();
    await expect.poll(() => areConnected([one, two])).toBe(false);
    const { PeerListener } = await import("./peer-listener.js");
    const again = new PeerListener({ address: { host: "127.0.0.1", port }, tls: undefined });
    await again.listen();
    again.serve(one.transport.handle);
    await expect.poll(() => areConnected([one, two]), { timeout: 5000 }).toBe(true);
    const next = appendOf({ to: 2n, from: 1n, term: 3, index: 15 }, { count: 2 });
    one.transport.send([next]);
    await expect.poll(() => two.host.stepped.length).toBe(2);
    expect(two.host.stepped).toEqual([append, next]);
    again.close();
  });

  it("is looked for at the other URLs", async () => {
    const one = await cluster.start({ id: 1n });
    const two = await cluster.start({ id: 2n });
    two.transport.addPeer(1n, [one.url]);
    one.transport.addPeer(2n, ["http://127.0.0.1:1", "http://127.0.0.1:2", two.url]);
    await expect.poll(() => areConnected([one, two]), { timeout: 5000 }).toBe(true);
  });

  it("gives way to a newer one of the same peer and kind", async () => {
    const [one, two] = (await startAll(2)) as [TestMember, TestMember];
    const { request } = await import("node:http");
    const headers = {
      "X-Server-Version": "3.7.1",
      "X-Min-Cluster-Version": "3.0.0",
      "X-Etcd-Cluster-ID": hexId(TEST_CLUSTER_ID),
      "X-Raft-To": "1",
    };
    const pieces: Buffer[] = [];
    const asked = request(`${one.url}/raft/stream/message/2`, { headers, agent: false });
    asked.on("response", (response) => {
      response.on("data", (piece: Buffer) => pieces.push(piece));
      response.on("error", () => {});
    });
    asked.on("error", () => {});
    asked.end();
    const replaced = "closed TCP streaming connection with remote peer";
    await expect.poll(() => one.log.some(({ message }) => message === replaced)).toBe(true);
    // The member dials again at once, and takes the stream back.
    await expect.poll(() => asked.destroyed, { timeout: 5000 }).toBe(true);
    await expect.poll(() => areConnected([one, two]), { timeout: 5000 }).toBe(true);
    one.transport.send([beatTo(2n)]);
    await expect.poll(() => two.host.stepped.length).toBe(1);
  });

  it("of a removed member ends it", async () => {
    const one = await cluster.start({ id: 1n });
    const two = await cluster.start({ id: 2n });
    one.host.removed.add(2n);
    two.transport.addPeer(1n, [one.url]);
    await expect.poll(() => two.host.removals).toBeGreaterThan(0);
    expect(two.transport.connectedSinceMs(1n)).toBeUndefined();
  });
});

describe("without streams", () => {
  it("messages are posted", async () => {
    const one = await cluster.start({ id: 1n });
    const two = await cluster.start({ id: 2n });
    one.transport.addRemote(2n, [two.url]);
    one.transport.send(promisesTo(2n, 20));
    await expect.poll(() => two.host.stepped.length).toBe(20);
    expect(new Set(two.host.stepped.map(({ index }) => index)).size).toBe(20);
    // The posts told where their sender is, so that it can be answered.
    expect(two.transport.stat().remotes).toEqual([1n]);
    two.transport.send([beatTo(1n, { from: 2n })]);
    await expect.poll(() => one.host.stepped.length).toBe(1);
  });

  it("posts one after the other share a connection, which ends with the peer", async () => {
    const metrics = { labelled: createLabelledFamilies(), peers: new PeerHistograms() };
    const one = await cluster.start({ id: 1n, metrics });
    let posts = 0;
    const { url, sockets } = await listenPosts((response) => {
      posts++;
      response.writeHead(204, posts === 3 ? { Connection: "close" } : {}).end();
    });
    one.transport.addRemote(2n, [url]);
    const sent = metrics.labelled.peerSentBytes.cell("2");
    for (let i = 0; i < 6; i++) {
      const before = sent.value;
      one.transport.send([beatTo(2n)]);
      await expect.poll(() => sent.value).toBeGreaterThan(before);
    }
    expect(posts).toBe(6);
    expect(sockets).toHaveLength(2);
    expect(one.host.unreachable).toEqual([]);
    one.transport.removePeer(2n);
    await expect.poll(() => sockets.every(({ destroyed }) => destroyed)).toBe(true);
  });

  it("a post on a connection that stands may take longer than a dial", async () => {
    const clock = new SimulatedClock();
    const metrics = { labelled: createLabelledFamilies(), peers: new PeerHistograms() };
    const one = await cluster.start({ id: 1n, metrics, clock });
    const answers: ServerResponse[] = [];
    const { url } = await listenPosts((response) => answers.push(response));
    one.transport.addRemote(2n, [url]);
    const sent = metrics.labelled.peerSentBytes.cell("2");
    for (let i = 0; i < 2; i++) {
      const before = sent.value;
      one.transport.send([beatTo(2n)]);
      await expect.poll(() => answers.length).toBe(i + 1);
      clock.advance(peerLimits.pipelineTimeoutMs - 1);
      answers[i]!.writeHead(204).end();
      await expect.poll(() => sent.value).toBeGreaterThan(before);
    }
    expect(one.host.unreachable).toEqual([]);
  });

  it("what was posted before the peer is known as a member arrives", async () => {
    const one = await cluster.start({ id: 1n });
    const two = await cluster.start({ id: 2n });
    one.transport.addRemote(2n, [two.url]);
    const count = peerLimits.pipelinePostsMax + 3;
    one.transport.send(promisesTo(2n, count));
    cluster.introduce([one, two]);
    await expect.poll(() => two.host.stepped.length).toBe(count);
    await expect.poll(() => areConnected([one, two]), { timeout: 5000 }).toBe(true);
    expect(one.transport.stat().remotes).toEqual([]);
  });

  it("a refused snapshot message is reported", async () => {
    const one = await cluster.start({ id: 1n });
    const two = await cluster.start({ id: 2n, clusterId: 5n });
    one.transport.addRemote(2n, [two.url]);
    one.transport.send([beatTo(2n, { type: MessageType.Snap })]);
    await expect.poll(() => one.host.snapshots).toEqual([{ id: 2n, arrived: false }]);
    expect(one.host.unreachable).toEqual([2n]);
    const text = "request sent was ignored due to cluster ID mismatch";
    expect(one.log.find(({ message }) => message === text)?.fields).toMatchObject({
      "remote-peer-cluster-id": "5",
      "local-member-cluster-id": hexId(TEST_CLUSTER_ID),
    });
  });

  it("a 403 says that this member was removed", async () => {
    const one = await cluster.start({ id: 1n });
    const url = await listenRaw((socket) => {
      socket.once("data", () => {
        socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      });
    });
    one.transport.addRemote(2n, [url]);
    one.transport.send([beatTo(2n)]);
    await expect.poll(() => one.host.removals).toBe(1);
  });

  it("of the heartbeats that wait the newest alone is posted", async () => {
    const one = await cluster.start({ id: 1n });
    const two = await cluster.start({ id: 2n });
    one.transport.addRemote(2n, [two.url]);
    const beats = Array.from({ length: 30 }, (_, i) => beatTo(2n, { commit: i }));
    one.transport.send([...beats, ...promisesTo(2n, 1)]);
    const underWay = peerLimits.pipelinePostsMax;
    await expect.poll(() => two.host.stepped.length).toBe(underWay + 2);
    const heard = two.host.stepped.filter(({ type }) => type === MessageType.Heartbeat);
    const commits = heard.map(({ commit }) => commit).sort((a, b) => a - b);
    expect(commits).toEqual([...Array(underWay).keys(), 29]);
  });

  it("a peer that never answers holds few messages", async () => {
    const one = await cluster.start({ id: 1n });
    one.transport.addRemote(2n, [await listenRaw(() => {})]);
    const room = peerLimits.pipelinePostsMax + peerLimits.pipelineQueueMessagesMax;
    one.transport.send(promisesTo(2n, room));
    expect(one.host.unreachable).toHaveLength(0);
    one.transport.send([...promisesTo(2n, 1), beatTo(2n, { type: MessageType.Snap })]);
    expect(one.host.unreachable).toEqual([2n, 2n]);
    expect(one.host.snapshots).toEqual([{ id: 2n, arrived: false }]);
  });
});

describe("a peer that stops reading", () => {
  const headers =
    `X-Server-Version: 3.7.1\r\nX-Min-Cluster-Version: 3.0.0\r\n` +
    `X-Etcd-Cluster-ID: ${hexId(TEST_CLUSTER_ID)}\r\nX-Raft-To: 1\r\n`;

  async function connectDeaf(one: TestMember, id: bigint): Promise<Socket> {
    const { connect } = await import("node:net");
    const socket = connect(Number(new URL(one.url).port), "127.0.0.1");
    socket.on("error", () => {});
    const path = `/raft/stream/msgapp/${hexId(id)}`;
    socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`);
    await new Promise<void>((resolve) => socket.once("data", () => resolve()));
    socket.pause();
    return socket;
  }

  it("costs a bounded amount of memory, and nobody else anything", async () => {
    const [one, two] = (await startAll(2)) as [TestMember, TestMember];
    one.transport.addPeer(7n, []);
    const deaf = await connectDeaf(one, 7n);
    const append = appendOf({ from: 1n, term: 3, index: 10 }, { count: 1, dataBytes: 1024 * 1024 });
    let sent = 0;
    while (one.host.unreachable.length === 0 && sent < 1000) {
      one.transport.send([{ ...append, to: 7n }]);
      sent++;
    }
    expect(one.host.unreachable).toEqual([7n]);
    const limit = peerLimits.streamQueueBytesMax + 3 * 1024 * 1024;
    const pending = one.transport.stat().peers.find(({ id }) => id === 7n)?.bytesPending;
    expect(pending).toBeGreaterThan(1024 * 1024);
    expect(pending).toBeLessThan(limit);
    one.transport.send([{ ...append, to: 2n }]);
    await expect.poll(() => two.host.stepped.length).toBe(1);
    deaf.destroy();
    await expect
      .poll(() => one.transport.stat().peers.find(({ id }) => id === 7n)?.bytesPending)
      .toBe(0);
  });
});
