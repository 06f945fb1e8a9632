import { createServer, type Server, type Socket } from "node:net";
import { SimulatedClock } from "@kvorum/base";
import { afterEach, expect, it } from "vitest";
import { peerLimits } from "./limits.js";
import { defaultStreamTimeouts } from "./stream-timeouts.js";
import { TestCluster } from "./testing/test-cluster.js";

const cluster = new TestCluster();
let server: Server | undefined;
const sockets: Socket[] = [];
/** Those of them that asked for a stream, rather than probed. */
const streams: Socket[] = [];
afterEach(async () => {
  await cluster.stop();
  server?.close();
  for (const socket of sockets.splice(0)) socket.destroy();
  streams.length = 0;
});

const ANSWER = "HTTP/1.1 200 OK\r\nX-Server-Version: 3.7.1\r\nTransfer-Encoding: chunked\r\n\r\n";

/** A peer that answers everything with `answer`. */
async function listen(answer: string): Promise<string> {
  server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.once("data", (bytes) => {
      if (bytes.toString("latin1").startsWith("GET /raft/stream/")) streams.push(socket);
      socket.write(answer);
    });
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  return `http://127.0.0.1:${typeof bound === "object" ? bound?.port : 0}`;
}

it.each([
  ["by default", defaultStreamTimeouts],
  ["or later when told so", { readMs: 12_000, writeMs: 5_000 }],
])(
  "a silent stream is given up after five seconds %s, a living one is not",
  async (_, timeouts) => {
    const clock = new SimulatedClock();
    const one = await cluster.start({ id: 1n, clock, timeouts });
    const url = await listen(ANSWER);
    one.transport.addPeer(2n, [url]);
    const established = "established TCP streaming connection with remote peer";
    const lost = "lost TCP streaming connection with remote peer";
    const count = (text: string) => one.log.filter(({ message }) => message === text).length;
    await expect.poll(() => count(established)).toBe(2);
    clock.advance(timeouts.readMs - 500);
    const alive = streams[0]!;
    // Either a byte 0 of the append stream, or a part of a length: both are signs of life.
    alive.write("1\r\n\0\r\n");
    await new Promise((resolve) => setTimeout(resolve, 50));
    clock.advance(1000);
    await expect.poll(() => count(lost)).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(count(lost)).toBe(1);
    expect(streams).toHaveLength(2);
    // The lost one is dialed again.
    clock.advance(peerLimits.redialMs);
    await expect.poll(() => streams.length).toBe(3);
  },
);

it("a peer that refuses at once is dialed ten times a second", async () => {
  const clock = new SimulatedClock();
  const one = await cluster.start({ id: 1n, clock });
  const url = await listen(
    "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
  );
  one.transport.addPeer(2n, [url]);
  await expect.poll(() => streams.length).toBe(2);
  for (let round = 2; round <= 5; round++) {
    await expect
      .poll(
        () => {
          clock.advance(10);
          return streams.length;
        },
        { timeout: 5000 },
      )
      .toBe(2 * round);
    expect(clock.nowMs()).toBeGreaterThanOrEqual(peerLimits.redialMs * (round - 1));
  }
});

it("link heartbeats are sent, and a peer that never probes well is told of in the log", async () => {
  const clock = new SimulatedClock();
  const timeouts = { readMs: 9_000, writeMs: 5_000 };
  const one = await cluster.start({ id: 1n, clock, timeouts });
  const two = await cluster.start({ id: 2n });
  const url = await listen("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n");
  one.transport.addPeer(2n, [url]);
  two.transport.addPeer(1n, [one.url]);
  await expect.poll(() => two.transport.connectedSinceMs(1n)).toBeGreaterThan(0);
  const before = one.transport.stat();
  expect(before.peers[0]?.bytesPending).toBe(0);
  clock.advance(2_999);
  expect(one.transport.stat().peers[0]?.bytesPending).toBe(0);
  clock.advance(1);
  expect(one.transport.stat().peers[0]?.bytesPending).toBe(1 + 8 + 30);
  await clock.run(peerLimits.probeMs);
  await expect
    .poll(() => {
      clock.advance(peerLimits.probeLogUnhealthyMs);
      return one.log.find(({ message }) => message === "prober detected unhealthy status")?.fields;
    })
    .toMatchObject({
      "round-tripper-name": "ROUND_TRIPPER_SNAPSHOT",
      "remote-peer-id": "2",
      error: `got unexpected HTTP status code 500 from ${url}`,
    });
});
