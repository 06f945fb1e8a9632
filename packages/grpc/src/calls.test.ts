import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Flag, FrameType } from "./frame.js";
import { ErrorCode } from "./http2-error.js";
import type { Http2Exchange } from "./http2-exchange.js";
import { echoMethods, FakeClock, type Harness, startHarness } from "./testing/harness.js";
import {
  dataFrame,
  frame,
  grpcMessage,
  headersFrame,
  RawClient,
  requestFields,
  uint32,
  unaryRequest,
} from "./testing/raw-client.js";
import { type Method, Status, type StreamCall, type UnaryCall } from "./types.js";

const UNARY = "/test.Echo/Unary";
const BYTES_MAX = 1000;

let harness: Harness;
let client: RawClient;
let nextStreamId = 1;

beforeAll(async () => {
  harness = await startHarness({ maxReceiveMessageBytes: BYTES_MAX });
  client = await RawClient.handshake(harness.port);
});

afterAll(async () => {
  client.close();
  await harness.close();
});

function newStreamId(): number {
  nextStreamId += 2;
  return nextStreamId - 2;
}

async function status(streamId: number): Promise<[code: string, message: string | undefined]> {
  const trailers = await client.trailers(streamId);
  return [trailers.get("grpc-status") ?? "", trailers.get("grpc-message")];
}

describe("status of a refused call", () => {
  it.each<[name: string, path: string, code: string, message: string]>([
    ["unknown service", "/test.Nothing/Unary", "12", "unknown service test.Nothing"],
    ["unknown method", "/test.Echo/Nothing", "12", "unknown method Nothing for service test.Echo"],
    ["no slash within", "/nothing", "12", 'malformed method name: "/nothing"'],
    ["nested", "/a/b/c", "12", "unknown service a/b"],
  ])("%s", async (_name, path, code, message) => {
    const streamId = newStreamId();
    client.send(unaryRequest(streamId, path, Buffer.from("x")));
    expect(await status(streamId)).toEqual([code, message]);
  });

  it("sends trailers only, with status and content type", async () => {
    const streamId = newStreamId();
    client.send(unaryRequest(streamId, "/test.Echo/Fail", Buffer.from("bad: 100% ü")));
    const trailers = await client.trailers(streamId);
    expect([...trailers]).toEqual([
      [":status", "200"],
      ["content-type", "application/grpc"],
      ["grpc-status", "11"],
      ["grpc-message", "bad: 100%25 %C3%BC"],
    ]);
    const own = client.frames.filter((f) => f.streamId === streamId);
    expect(own.length).toBe(1);
  });

  it.each<[name: string, httpStatus: string, fields: [string, string][]]>([
    ["a GET", "405", [[":method", "GET"]]],
    ["another content type", "415", [["content-type", "application/json"]]],
    ["a content type that only begins alike", "415", [["content-type", "application/grpc-web"]]],
  ])("%s has HTTP status %s", async (_name, httpStatus, changed) => {
    const changes = new Map(changed);
    const fields = requestFields(UNARY).map(
      ([name, value]) => [name, changes.get(name) ?? value] as const,
    );
    const streamId = newStreamId();
    client.send(headersFrame(streamId, fields, Flag.END_HEADERS | Flag.END_STREAM));
    expect((await client.trailers(streamId)).get(":status")).toBe(httpStatus);
  });

  it("an encoding that is not known", async () => {
    const streamId = newStreamId();
    const fields = requestFields(UNARY, ["grpc-encoding", "snappy"]);
    client.send(headersFrame(streamId, fields));
    const trailers = await client.trailers(streamId);
    expect(trailers.get("grpc-status")).toBe("12");
    expect(trailers.get("grpc-message")).toBe(
      'grpc: Decompressor is not installed for grpc-encoding "snappy"',
    );
    expect(trailers.get("grpc-accept-encoding")).toBe("identity,gzip");
    expect(await client.reset(streamId)).toBe(ErrorCode.NO_ERROR);
  });

  it.each<[name: string, code: string, message: string, body: Buffer, encoding: string]>([
    [
      "a message above the limit",
      "8",
      "grpc: received message larger than max (1001 vs. 1000)",
      grpcMessage(Buffer.alloc(1001)),
      "identity",
    ],
    [
      "a length near 2^32",
      "8",
      "grpc: received message larger than max (4294967295 vs. 1000)",
      Buffer.from([0, 255, 255, 255, 255]),
      "identity",
    ],
    [
      "an unknown flag",
      "13",
      "grpc: received unexpected payload format 2",
      grpcMessage(Buffer.from("x"), 2),
      "identity",
    ],
    [
      "a compressed message without an encoding",
      "13",
      "grpc: compressed flag set with identity or empty encoding",
      grpcMessage(Buffer.from("x"), 1),
      "identity",
    ],
    [
      "a message that inflates above the limit",
      "8",
      "grpc: received message after decompression larger than max 1000",
      grpcMessage(gzipSync(Buffer.alloc(100_000)), 1),
      "gzip",
    ],
    [
      "a gzip'd message that is none",
      "13",
      "grpc: failed to decompress the received message: incorrect header check",
      grpcMessage(Buffer.from("not gzip"), 1),
      "gzip",
    ],
    [
      "half a message",
      "13",
      "unexpected EOF",
      grpcMessage(Buffer.alloc(100)).subarray(0, 50),
      "identity",
    ],
    ["half a prefix", "13", "unexpected EOF", Buffer.alloc(3), "identity"],
    [
      "two messages of a unary call",
      "13",
      "cardinality violation: received multiple request messages for non-client-streaming RPC",
      Buffer.concat([grpcMessage(Buffer.alloc(1)), grpcMessage(Buffer.alloc(1))]),
      "identity",
    ],
  ])("%s", async (_name, code, message, body, encoding) => {
    const streamId = newStreamId();
    client.send(
      headersFrame(streamId, requestFields(UNARY, ["grpc-encoding", encoding])),
      dataFrame(streamId, body, Flag.END_STREAM),
    );
    expect(await status(streamId)).toEqual([code, message]);
  });
});

describe("messages", () => {
  it("inflates what is gzip'd", async () => {
    const streamId = newStreamId();
    client.send(
      headersFrame(streamId, requestFields(UNARY, ["grpc-encoding", "gzip"])),
      dataFrame(streamId, grpcMessage(gzipSync(Buffer.from("inflated")), 1), Flag.END_STREAM),
    );
    expect(await status(streamId)).toEqual(["0", undefined]);
    expect(client.body(streamId)).toEqual(grpcMessage(Buffer.from("inflated")));
  });

  it.each([1, 2, 3, 7, 100])("come whole from DATA frames of %i bytes", async (step) => {
    const streamId = newStreamId();
    const messages = ["", "a", "hello", "x".repeat(200), ""].map((text) =>
      grpcMessage(Buffer.from(text)),
    );
    const bytes = Buffer.concat(messages);
    client.send(headersFrame(streamId, requestFields("/test.Echo/Bidi")));
    for (let i = 0; i < bytes.length; i += step) {
      client.send(dataFrame(streamId, bytes.subarray(i, i + step)));
    }
    client.send(dataFrame(streamId, Buffer.alloc(0), Flag.END_STREAM));
    expect(await status(streamId)).toEqual(["0", undefined]);
    expect(client.body(streamId)).toEqual(bytes);
  });

  it("metadata is shared between equal requests, repeated and in order", async () => {
    const seen: unknown[] = [];
    const methods = new Map<string, Method>([
      [
        "/a.B/C",
        {
          kind: "unary",
          handle: (call, message) => {
            seen.push(call.metadata);
            expect(call.metadata.getAll("k")).toEqual(["1", "2"]);
            expect(call.metadata.get("k")).toBe("1");
            expect(call.metadata.get(":path")).toBeUndefined();
            call.respond(message);
          },
        },
      ],
    ]);
    const own = await startHarness({ methods });
    const raw = await RawClient.handshake(own.port);
    const fields = requestFields("/a.B/C", ["k", "1"], ["k", "2"]);
    for (const id of [1, 3]) {
      raw.send(
        headersFrame(id, fields),
        dataFrame(id, grpcMessage(Buffer.alloc(1)), Flag.END_STREAM),
      );
      await raw.trailers(id);
    }
    expect(seen.length).toBe(2);
    expect(seen[0]).toBe(seen[1]);
    raw.close();
    await own.close();
  });
});

describe("deadline and cancellation", () => {
  /** A method that keeps its calls. */
  function keeping(): { methods: Map<string, Method>; calls: UnaryCall[]; streams: StreamCall[] } {
    const calls: UnaryCall[] = [];
    const streams: StreamCall[] = [];
    const methods = echoMethods();
    methods.set("/test.Echo/Keep", { kind: "unary", handle: (call) => calls.push(call) });
    methods.set("/test.Echo/KeepStream", { kind: "stream", open: (call) => streams.push(call) });
    return { methods, calls, streams };
  }

  it("a deadline cancels the call and answers DEADLINE_EXCEEDED", async () => {
    const { methods, calls } = keeping();
    const clock = new FakeClock();
    const own = await startHarness({ methods, clock });
    const raw = await RawClient.handshake(own.port);
    raw.send(
      headersFrame(1, requestFields("/test.Echo/Keep", ["grpc-timeout", "50m"])),
      dataFrame(1, grpcMessage(Buffer.alloc(1)), Flag.END_STREAM),
      unaryRequest(3, UNARY, Buffer.from("x")),
    );
    await raw.trailers(3);
    const call = calls[0]!;
    let cancels = 0;
    call.onCancel = () => cancels++;
    expect(call.deadlineMs).toBe(clock.nowMs() + 50);
    clock.advance(40);
    expect(call.cancelled).toBe(false);
    clock.advance(40);
    expect([call.cancelled, cancels]).toEqual([true, 1]);
    call.respond(Buffer.from("too late"));
    call.fail(Status.INTERNAL, "too late");
    const trailers = await raw.trailers(1);
    expect(trailers.get("grpc-status")).toBe("4");
    expect(trailers.get("grpc-message")).toBe("context deadline exceeded");
    expect(raw.body(1).length).toBe(0);
    raw.close();
    await own.close();
  });

  it("a malformed deadline is INTERNAL", async () => {
    const streamId = newStreamId();
    client.send(headersFrame(streamId, requestFields(UNARY, ["grpc-timeout", "soon"])));
    expect(await status(streamId)).toEqual(["13", 'malformed grpc-timeout: "soon"']);
  });

  it("RST_STREAM and a lost connection cancel, once, and never an ended call", async () => {
    const { methods, calls, streams } = keeping();
    const own = await startHarness({ methods });
    const raw = await RawClient.handshake(own.port);
    raw.send(
      unaryRequest(1, "/test.Echo/Keep", Buffer.from("x")),
      unaryRequest(3, "/test.Echo/Keep", Buffer.from("x")),
      headersFrame(5, requestFields("/test.Echo/KeepStream")),
      unaryRequest(7, UNARY, Buffer.from("x")),
    );
    await raw.trailers(7);
    const cancelled: string[] = [];
    calls[0]!.onCancel = () => cancelled.push("reset");
    calls[1]!.onCancel = () => cancelled.push("ended");
    streams[0]!.onCancel = () => cancelled.push("lost");
    calls[1]!.respond(Buffer.from("done"));
    raw.send(
      frame(FrameType.RST_STREAM, 0, 1, uint32(ErrorCode.CANCEL)),
      unaryRequest(9, UNARY, Buffer.from("x")),
    );
    await raw.trailers(9);
    expect(cancelled).toEqual(["reset"]);
    raw.close();
    while (own.server.stat().connections > 0) await new Promise((done) => setTimeout(done, 5));
    expect(cancelled).toEqual(["reset", "lost"]);
    expect(streams[0]!.write(Buffer.from("into the void"))).toBe(false);
    await own.close();
  });
});

it("plain HTTP/2 requests go to the hook", async () => {
  const onHttp2Request = (exchange: Http2Exchange): void => {
    if (exchange.path === "/silent") {
      exchange.end();
      return;
    }
    exchange.begin(exchange.method === "GET" ? 200 : 201, [["content-type", "text/plain"]]);
    exchange.write(Buffer.from(`${exchange.path} ${exchange.body.toString()}`));
    exchange.end();
  };
  const own = await startHarness({ onHttp2Request, limits: { requestBodyBytesMax: 100 } });
  const raw = await RawClient.handshake(own.port);
  const fields = (method: string) =>
    [
      [":method", method],
      [":scheme", "http"],
      [":path", "/health"],
    ] as const;
  raw.send(
    headersFrame(1, fields("GET"), Flag.END_HEADERS | Flag.END_STREAM),
    headersFrame(3, fields("POST")),
    dataFrame(3, Buffer.from("one ")),
    dataFrame(3, Buffer.from("two"), Flag.END_STREAM),
    headersFrame(5, fields("POST")),
    dataFrame(5, Buffer.alloc(101)),
    headersFrame(7, [...fields("GET").slice(0, 2), [":path", "/silent"]], 5),
  );
  const ended = (streamId: number) =>
    raw.waitFor((f) => f.streamId === streamId && (f.flags & Flag.END_STREAM) > 0);
  await Promise.all([ended(1), ended(3), ended(5)]);
  expect(raw.body(1).toString()).toBe("/health ");
  expect(raw.body(3).toString()).toBe("/health one two");
  expect(raw.body(5).length).toBe(0);
  expect((await raw.trailers(7)).get(":status")).toBe("500");
  raw.close();
  await own.close();
});
