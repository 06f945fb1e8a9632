import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Flag, FrameType } from "./frame.js";
import { ErrorCode } from "./http2-error.js";
import { type Harness, startHarness } from "./testing/harness.js";
import {
  dataFrame,
  frame,
  grpcMessage,
  headersFrame,
  RawClient,
  requestFields,
  uint32,
  unaryRequest,
  windowUpdate,
} from "./testing/raw-client.js";

const UNARY = "/test.Echo/Unary";
const HANG = "/test.Echo/Hang";
const BIDI = "/test.Echo/Bidi";

let harness: Harness;

beforeAll(async () => {
  harness = await startHarness();
});

afterAll(() => harness.close());

const block = (path: string): Buffer => headersFrame(1, requestFields(path)).subarray(9);
const open = (streamId: number, path: string): Buffer =>
  headersFrame(streamId, requestFields(path));
const openDone = (streamId: number, path: string): Buffer =>
  headersFrame(streamId, requestFields(path), Flag.END_HEADERS | Flag.END_STREAM);

describe("an error of a stream resets it alone", () => {
  const without = (name: string) => requestFields(UNARY).filter((field) => field[0] !== name);

  it.each<[name: string, code: number, bytes: Buffer[]]>([
    ["no :method", ErrorCode.PROTOCOL_ERROR, [headersFrame(1, without(":method"))]],
    ["no :path", ErrorCode.PROTOCOL_ERROR, [headersFrame(1, without(":path"))]],
    ["no :scheme", ErrorCode.PROTOCOL_ERROR, [headersFrame(1, without(":scheme"))]],
    ["a zero byte in :path", ErrorCode.PROTOCOL_ERROR, [open(1, "/test.Echo/Un\0ary")]],
    [
      "a repeated :path",
      ErrorCode.PROTOCOL_ERROR,
      [headersFrame(1, [[":path", "/x"], ...requestFields(UNARY)])],
    ],
    [
      "an unknown pseudo-header",
      ErrorCode.PROTOCOL_ERROR,
      [headersFrame(1, [[":status", "200"], ...requestFields(UNARY)])],
    ],
    [
      "a pseudo-header after a field",
      ErrorCode.PROTOCOL_ERROR,
      [headersFrame(1, [...without(":path"), [":path", UNARY]])],
    ],
    [
      "an upper-case name",
      ErrorCode.PROTOCOL_ERROR,
      [headersFrame(1, requestFields(UNARY, ["X-Test", "1"]))],
    ],
    ["an empty name", ErrorCode.PROTOCOL_ERROR, [headersFrame(1, requestFields(UNARY, ["", "1"]))]],
    [
      "a line break in a value",
      ErrorCode.PROTOCOL_ERROR,
      [headersFrame(1, requestFields(UNARY, ["x", "a\nb"]))],
    ],
    [
      "a connection field",
      ErrorCode.PROTOCOL_ERROR,
      [headersFrame(1, requestFields(UNARY, ["connection", "close"]))],
    ],
    ["te: gzip", ErrorCode.PROTOCOL_ERROR, [headersFrame(1, requestFields(UNARY, ["te", "gzip"]))]],
    [
      "a content-length that is no number",
      ErrorCode.PROTOCOL_ERROR,
      [headersFrame(1, requestFields(UNARY, ["content-length", "x"]))],
    ],
    [
      "a body longer than its content-length",
      ErrorCode.PROTOCOL_ERROR,
      [
        headersFrame(1, requestFields(HANG, ["content-length", "3"])),
        dataFrame(1, grpcMessage(Buffer.from("abc"))),
      ],
    ],
    [
      "a body shorter than its content-length",
      ErrorCode.PROTOCOL_ERROR,
      [
        headersFrame(1, requestFields(HANG, ["content-length", "30"])),
        dataFrame(1, grpcMessage(Buffer.from("abc")), Flag.END_STREAM),
      ],
    ],
    [
      "trailers without END_STREAM",
      ErrorCode.PROTOCOL_ERROR,
      [open(1, HANG), headersFrame(1, [["a", "b"]])],
    ],
    [
      "trailers with a pseudo-header",
      ErrorCode.PROTOCOL_ERROR,
      [open(1, HANG), headersFrame(1, [[":path", "b"]], Flag.END_HEADERS | Flag.END_STREAM)],
    ],
    [
      "DATA after END_STREAM",
      ErrorCode.STREAM_CLOSED,
      [unaryRequest(1, HANG, Buffer.from("x")), dataFrame(1, Buffer.from("x"))],
    ],
    [
      "HEADERS after END_STREAM",
      ErrorCode.STREAM_CLOSED,
      [
        unaryRequest(1, HANG, Buffer.from("x")),
        headersFrame(1, [["a", "b"]], Flag.END_HEADERS | Flag.END_STREAM),
      ],
    ],
    ["WINDOW_UPDATE of 0", ErrorCode.PROTOCOL_ERROR, [open(1, HANG), windowUpdate(1, 0)]],
    [
      "an overflow of the window",
      ErrorCode.FLOW_CONTROL_ERROR,
      [open(1, HANG), windowUpdate(1, 0x7fff_ffff)],
    ],
    [
      "a header list above the limit",
      ErrorCode.ENHANCE_YOUR_CALM,
      [
        frame(
          FrameType.HEADERS,
          0,
          1,
          headersFrame(1, requestFields(UNARY, ["a", "x".repeat(14_000)])).subarray(9),
        ),
        ...Array.from({ length: 4 }, () =>
          frame(
            FrameType.CONTINUATION,
            0,
            1,
            headersFrame(1, [["a", "0".repeat(16_000)]]).subarray(9),
          ),
        ),
        frame(FrameType.CONTINUATION, Flag.END_HEADERS, 1),
      ],
    ],
  ])("%s", async (_name, code, bytes) => {
    const client = await RawClient.handshake(harness.port);
    client.send(...bytes);
    expect(await client.reset(1)).toBe(code);
    // The connection goes on.
    client.send(unaryRequest(3, UNARY, Buffer.from("next")));
    expect((await client.trailers(3)).get("grpc-status")).toBe("0");
    client.close();
  });

  it("more DATA than the stream's window, while its handler has paused", async () => {
    const { methods } = pausedMethods();
    const small = await startHarness({ methods, limits: { streamWindowBytes: 20_000 } });
    const client = await RawClient.handshake(small.port);
    client.send(open(1, "/test.Echo/Paused"));
    for (let i = 0; i < 3; i++) client.send(dataFrame(1, grpcMessage(Buffer.alloc(8_000))));
    expect(await client.reset(1)).toBe(ErrorCode.FLOW_CONTROL_ERROR);
    client.close();
    await small.close();
  });
});

describe("what must be borne", () => {
  it("frames of unknown types and flags, PRIORITY, padding and CONTINUATION", async () => {
    const client = await RawClient.handshake(harness.port);
    const fields = block(UNARY);
    const message = grpcMessage(Buffer.from("hello"));
    client.send(
      frame(0xbe, 0xff, 77, Buffer.from("extension")),
      frame(FrameType.PRIORITY, 0, 1, Buffer.alloc(5)),
      frame(
        FrameType.HEADERS,
        Flag.PADDED | Flag.PRIORITY,
        1,
        Buffer.concat([Buffer.from([4]), Buffer.alloc(5), fields.subarray(0, 10), Buffer.alloc(4)]),
      ),
      frame(FrameType.CONTINUATION, 0, 1, fields.subarray(10, 20)),
      frame(FrameType.CONTINUATION, Flag.END_HEADERS, 1, fields.subarray(20)),
      dataFrame(
        1,
        Buffer.concat([Buffer.from([7]), message.subarray(0, 3), Buffer.alloc(7)]),
        Flag.PADDED,
      ),
      dataFrame(1, message.subarray(3)),
      dataFrame(1, Buffer.alloc(0)),
      headersFrame(1, [["trailer", "value"]], Flag.END_HEADERS | Flag.END_STREAM),
    );
    expect((await client.trailers(1)).get("grpc-status")).toBe("0");
    expect(client.body(1)).toEqual(message);
    client.close();
  });

  it("frames that cross with a reset", async () => {
    const client = await RawClient.handshake(harness.port);
    client.send(open(1, "/test.Echo/None"));
    expect((await client.trailers(1)).get("grpc-status")).toBe("12");
    expect(await client.reset(1)).toBe(ErrorCode.NO_ERROR);
    client.send(
      dataFrame(1, Buffer.from("late")),
      windowUpdate(1, 100),
      frame(FrameType.RST_STREAM, 0, 1, uint32(8)),
      headersFrame(1, [["late", "trailer"]], Flag.END_HEADERS | Flag.END_STREAM),
      unaryRequest(3, UNARY, Buffer.from("next")),
    );
    expect((await client.trailers(3)).get("grpc-status")).toBe("0");
    client.close();
  });

  it("a request without a message is INTERNAL", async () => {
    const client = await RawClient.handshake(harness.port);
    client.send(openDone(1, UNARY));
    expect((await client.trailers(1)).get("grpc-status")).toBe("13");
    client.send(openDone(3, BIDI));
    expect((await client.trailers(3)).get("grpc-status")).toBe("0");
    client.close();
  });
});

function pausedMethods() {
  const methods = new Map([
    [
      "/test.Echo/Paused",
      { kind: "stream" as const, open: (call: { pause(): void }) => call.pause() },
    ],
  ]);
  return { methods };
}
