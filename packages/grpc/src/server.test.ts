import { createServer as createHttpServer, request } from "node:http";
import { createServer } from "node:net";
import { nodeClock } from "@kvorum/base/node";
import { afterEach, describe, expect, it } from "vitest";
import { CLIENT_PREFACE, Flag, FrameType, STREAM_ID_MAX } from "./frame.js";
import { GrpcServer } from "./server.js";
import { sniffProtocol } from "./sniff.js";
import { echoMethods, FakeClock, type Harness, listen, startHarness } from "./testing/harness.js";
import { frame, RawClient, settingsFrame, unaryRequest } from "./testing/raw-client.js";
import type { Method, Peer, UnaryCall } from "./types.js";

const UNARY = "/test.Echo/Unary";

let harness: Harness | undefined;

afterEach(async () => {
  await harness?.close();
  harness = undefined;
});

/** A server whose method Keep leaves its calls open. */
async function startKeeping(): Promise<{ client: RawClient; calls: UnaryCall[] }> {
  const calls: UnaryCall[] = [];
  const methods = echoMethods();
  methods.set("/test.Echo/Keep", { kind: "unary", handle: (call) => calls.push(call) });
  harness = await startHarness({ methods });
  const client = await RawClient.handshake(harness.port);
  client.send(unaryRequest(1, "/test.Echo/Keep", Buffer.from("x")));
  client.send(unaryRequest(3, UNARY, Buffer.from("x")));
  await client.trailers(3);
  return { client, calls };
}

describe("drain", () => {
  it("lets open calls finish, refuses later ones, and ends when the last is answered", async () => {
    const { client, calls } = await startKeeping();
    let isDrained = false;
    const drained = harness!.server.drain().then(() => {
      isDrained = true;
    });
    expect(await client.goAway()).toMatchObject({ lastStreamId: STREAM_ID_MAX, errorCode: 0 });
    // A call that was on its way when the GOAWAY was sent is still served.
    client.send(unaryRequest(5, UNARY, Buffer.from("x")));
    expect((await client.trailers(5)).get("grpc-status")).toBe("0");
    const asked = await client.waitFor((f) => f.type === FrameType.PING && f.flags === 0);
    client.send(frame(FrameType.PING, Flag.ACK, 0, asked.payload));
    const last = await client.waitFor(
      (f) => f.type === FrameType.GOAWAY && f.payload.readUInt32BE(0) < STREAM_ID_MAX,
    );
    expect(last.payload.readUInt32BE(0)).toBe(5);
    client.send(unaryRequest(7, UNARY, Buffer.from("x")));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(isDrained).toBe(false);
    calls[0]!.respond(Buffer.from("at last"));
    expect((await client.trailers(1)).get("grpc-status")).toBe("0");
    await client.closed();
    await drained;
    expect(client.frames.some((f) => f.streamId === 7)).toBe(false);
  });

  it("does not wait for ever for the ping's answer, and drains late connections too", async () => {
    const clock = new FakeClock();
    harness = await startHarness({ clock });
    const client = await RawClient.handshake(harness.port);
    const drained = harness.server.drain();
    await client.goAway();
    clock.advance(1_001);
    await client.closed();
    await drained;
    const late = await RawClient.open(harness.port);
    late.send(Buffer.from(CLIENT_PREFACE), settingsFrame());
    await late.goAway();
    late.close();
  });

  it("resolves at once without connections", async () => {
    harness = await startHarness();
    await harness.server.drain();
  });
});

it("close cancels every call and closes every connection", async () => {
  const { client, calls } = await startKeeping();
  let cancels = 0;
  calls[0]!.onCancel = () => cancels++;
  harness!.server.close();
  await client.closed();
  expect(cancels).toBe(1);
  expect(harness!.server.stat().connections).toBe(0);
});

it("a client's GOAWAY ends the connection with its last stream", async () => {
  const { client, calls } = await startKeeping();
  client.send(frame(FrameType.GOAWAY, 0, 0, Buffer.alloc(8)));
  calls[0]!.respond(Buffer.from("x"));
  expect((await client.trailers(1)).get("grpc-status")).toBe("0");
  await client.closed();
});

it("counts connections and message bytes, and tells when a peer is gone", async () => {
  const gone: Peer[] = [];
  harness = await startHarness({ onClose: (peer) => gone.push(peer) });
  const client = await RawClient.handshake(harness.port);
  client.send(unaryRequest(1, UNARY, Buffer.alloc(100)));
  await client.trailers(1);
  expect(harness.server.stat()).toEqual({ connections: 1, receivedBytes: 100, sentBytes: 100 });
  client.close();
  while (gone.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  expect(gone[0]!.address).toMatch(/^127\.0\.0\.1:\d+$/);
});

it("takes a socket that is gone already without keeping it", async () => {
  harness = await startHarness();
  const { server, port } = harness;
  const client = await RawClient.open(port);
  client.socket.destroy();
  server.handle(client.socket);
  while (server.stat().connections > 0) await new Promise((resolve) => setTimeout(resolve, 2));
});

it("asks onUnknownMethod for what the table lacks", async () => {
  const late: Method = { kind: "unary", handle: (call) => call.respond(Buffer.from("late")) };
  harness = await startHarness({
    onUnknownMethod: (path) => (path === "/late.Service/Method" ? late : undefined),
  });
  const client = await RawClient.handshake(harness.port);
  client.send(unaryRequest(1, "/late.Service/Method", Buffer.alloc(1)));
  expect((await client.trailers(1)).get("grpc-status")).toBe("0");
  client.close();
});

describe("sniffProtocol", () => {
  it("serves HTTP/1 and HTTP/2 on one port, however the first bytes are cut", async () => {
    const grpc = new GrpcServer({
      methods: echoMethods(),
      clock: nodeClock,
      maxReceiveMessageBytes: 1000,
    });
    const http = createHttpServer((incoming, response) => {
      incoming.resume();
      incoming.on("end", () => response.end(`http ${incoming.method} ${incoming.url}`));
    });
    const listener = createServer((socket) => {
      sniffProtocol(socket, { clock: nodeClock, timeoutMs: 5_000 }, (protocol, head) => {
        if (protocol === "http2") {
          grpc.handle(socket, head);
        } else {
          socket.unshift(head);
          http.emit("connection", socket);
          socket.resume();
        }
      });
    });
    const port = await listen(listener);
    const answer = await new Promise<string>((resolve, reject) => {
      const call = request({ port, host: "127.0.0.1", path: "/health", method: "POST" });
      call.on("error", reject);
      call.on("response", (response) => {
        response.setEncoding("utf8");
        response.on("data", resolve);
      });
      call.end("body");
    });
    expect(answer).toBe("http POST /health");
    const client = await RawClient.open(port);
    for (const byte of Buffer.from(CLIENT_PREFACE)) {
      client.send(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    client.send(settingsFrame(), unaryRequest(1, UNARY, Buffer.from("x")));
    expect((await client.trailers(1)).get("grpc-status")).toBe("0");
    client.close();
    http.closeAllConnections();
    grpc.close();
    await new Promise((resolve) => listener.close(resolve));
  });

  it("destroys a socket that says nothing", async () => {
    const clock = new FakeClock();
    let isSniffing = false;
    const listener = createServer((socket) => {
      sniffProtocol(socket, { clock, timeoutMs: 1_000 }, () => undefined);
      isSniffing = true;
    });
    const port = await listen(listener);
    const client = await RawClient.open(port);
    client.send(Buffer.from("PRI"));
    while (!isSniffing) await new Promise((resolve) => setTimeout(resolve, 2));
    clock.advance(1_001);
    await client.closed();
    await new Promise((resolve) => listener.close(resolve));
  });
});
