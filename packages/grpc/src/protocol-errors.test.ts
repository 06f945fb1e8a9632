import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CLIENT_PREFACE, Flag, FrameType, Setting } from "./frame.js";
import { ErrorCode } from "./http2-error.js";
import { type Harness, startHarness } from "./testing/harness.js";
import {
  dataFrame,
  frame,
  headersFrame,
  RawClient,
  requestFields,
  settingsFrame,
  uint32,
  unaryRequest,
  windowUpdate,
} from "./testing/raw-client.js";

const UNARY = "/test.Echo/Unary";
const HANG = "/test.Echo/Hang";

let harness: Harness;
let witness: RawClient;
let witnessStreamId = 1;

beforeAll(async () => {
  harness = await startHarness();
  witness = await RawClient.handshake(harness.port);
});

afterAll(async () => {
  witness.close();
  await harness.close();
});

/** Whatever one connection did, another one must still be served. */
async function expectOthersServed(): Promise<void> {
  const streamId = witnessStreamId;
  witnessStreamId += 2;
  witness.send(unaryRequest(streamId, UNARY, Buffer.from("still here")));
  expect((await witness.trailers(streamId)).get("grpc-status")).toBe("0");
}

const block = (path: string): Buffer => headersFrame(1, requestFields(path)).subarray(9);
const open = (streamId: number, path: string): Buffer =>
  headersFrame(streamId, requestFields(path));

describe("an error of the connection ends it with GOAWAY", () => {
  it.each<[name: string, code: number, bytes: Buffer[]]>([
    ["DATA on stream 0", ErrorCode.PROTOCOL_ERROR, [dataFrame(0, Buffer.from("x"))]],
    ["DATA on an idle stream", ErrorCode.PROTOCOL_ERROR, [dataFrame(1, Buffer.from("x"))]],
    [
      "DATA on an even stream",
      ErrorCode.PROTOCOL_ERROR,
      [open(3, HANG), dataFrame(2, Buffer.from("x"))],
    ],
    [
      "DATA with padding as long as the frame",
      ErrorCode.PROTOCOL_ERROR,
      [open(1, HANG), dataFrame(1, Buffer.from([3, 0, 0]), Flag.PADDED)],
    ],
    [
      "padded DATA without a length",
      ErrorCode.FRAME_SIZE_ERROR,
      [open(1, HANG), dataFrame(1, Buffer.alloc(0), Flag.PADDED)],
    ],
    ["HEADERS on stream 0", ErrorCode.PROTOCOL_ERROR, [open(0, UNARY)]],
    ["HEADERS on an even stream", ErrorCode.PROTOCOL_ERROR, [open(2, UNARY)]],
    ["a stream id below the last", ErrorCode.PROTOCOL_ERROR, [open(5, HANG), open(3, HANG)]],
    [
      "HEADERS with padding as long as the frame",
      ErrorCode.PROTOCOL_ERROR,
      [frame(FrameType.HEADERS, Flag.END_HEADERS | Flag.PADDED, 1, Buffer.from([9, 0, 0]))],
    ],
    [
      "HEADERS too short for its priority",
      ErrorCode.FRAME_SIZE_ERROR,
      [frame(FrameType.HEADERS, Flag.END_HEADERS | Flag.PRIORITY, 1, Buffer.from([0, 0]))],
    ],
    [
      "a header block that can't be decoded",
      ErrorCode.COMPRESSION_ERROR,
      [frame(FrameType.HEADERS, Flag.END_HEADERS, 1, Buffer.from([0x80]))],
    ],
    [
      "HEADERS on a stream that both ends have ended",
      ErrorCode.STREAM_CLOSED,
      [unaryRequest(1, UNARY, Buffer.from("x")), open(1, UNARY)],
    ],
    [
      "DATA on a stream that both ends have ended",
      ErrorCode.STREAM_CLOSED,
      [unaryRequest(1, UNARY, Buffer.from("x")), dataFrame(1, Buffer.from("x"))],
    ],
    [
      "DATA on a stream that the client has reset",
      ErrorCode.STREAM_CLOSED,
      [open(1, HANG), frame(FrameType.RST_STREAM, 0, 1, uint32(8)), dataFrame(1, Buffer.from("x"))],
    ],
    [
      "a frame between HEADERS and CONTINUATION",
      ErrorCode.PROTOCOL_ERROR,
      [frame(FrameType.HEADERS, 0, 1, block(UNARY)), frame(FrameType.PING, 0, 0, Buffer.alloc(8))],
    ],
    [
      "CONTINUATION of another stream",
      ErrorCode.PROTOCOL_ERROR,
      [
        frame(FrameType.HEADERS, 0, 1, block(UNARY)),
        frame(FrameType.CONTINUATION, Flag.END_HEADERS, 3, Buffer.alloc(0)),
      ],
    ],
    [
      "CONTINUATION without HEADERS",
      ErrorCode.PROTOCOL_ERROR,
      [frame(FrameType.CONTINUATION, Flag.END_HEADERS, 1, Buffer.alloc(0))],
    ],
    [
      "PRIORITY on stream 0",
      ErrorCode.PROTOCOL_ERROR,
      [frame(FrameType.PRIORITY, 0, 0, Buffer.alloc(5))],
    ],
    [
      "PRIORITY of 4 bytes",
      ErrorCode.FRAME_SIZE_ERROR,
      [frame(FrameType.PRIORITY, 0, 1, Buffer.alloc(4))],
    ],
    [
      "RST_STREAM on stream 0",
      ErrorCode.PROTOCOL_ERROR,
      [frame(FrameType.RST_STREAM, 0, 0, uint32(8))],
    ],
    [
      "RST_STREAM on an idle stream",
      ErrorCode.PROTOCOL_ERROR,
      [frame(FrameType.RST_STREAM, 0, 7, uint32(8))],
    ],
    [
      "RST_STREAM of 3 bytes",
      ErrorCode.FRAME_SIZE_ERROR,
      [open(1, HANG), frame(FrameType.RST_STREAM, 0, 1, Buffer.alloc(3))],
    ],
    ["SETTINGS on a stream", ErrorCode.PROTOCOL_ERROR, [frame(FrameType.SETTINGS, 0, 1)]],
    [
      "SETTINGS of 5 bytes",
      ErrorCode.FRAME_SIZE_ERROR,
      [frame(FrameType.SETTINGS, 0, 0, Buffer.alloc(5))],
    ],
    [
      "a SETTINGS acknowledgement with content",
      ErrorCode.FRAME_SIZE_ERROR,
      [frame(FrameType.SETTINGS, Flag.ACK, 0, Buffer.alloc(6))],
    ],
    ["ENABLE_PUSH 2", ErrorCode.PROTOCOL_ERROR, [settingsFrame([Setting.ENABLE_PUSH, 2])]],
    [
      "INITIAL_WINDOW_SIZE above 2^31-1",
      ErrorCode.FLOW_CONTROL_ERROR,
      [settingsFrame([Setting.INITIAL_WINDOW_SIZE, 2 ** 31])],
    ],
    [
      "MAX_FRAME_SIZE too small",
      ErrorCode.PROTOCOL_ERROR,
      [settingsFrame([Setting.MAX_FRAME_SIZE, 16_383])],
    ],
    [
      "MAX_FRAME_SIZE too large",
      ErrorCode.PROTOCOL_ERROR,
      [settingsFrame([Setting.MAX_FRAME_SIZE, 2 ** 24])],
    ],
    [
      "a new initial window that overflows a stream's",
      ErrorCode.FLOW_CONTROL_ERROR,
      [
        open(1, HANG),
        windowUpdate(1, 0x7fff_0000 - 65_535),
        settingsFrame([Setting.INITIAL_WINDOW_SIZE, 0x7fff_ffff]),
      ],
    ],
    [
      "PUSH_PROMISE",
      ErrorCode.PROTOCOL_ERROR,
      [open(1, HANG), frame(FrameType.PUSH_PROMISE, Flag.END_HEADERS, 1, uint32(2))],
    ],
    ["PING on a stream", ErrorCode.PROTOCOL_ERROR, [frame(FrameType.PING, 0, 1, Buffer.alloc(8))]],
    ["PING of 7 bytes", ErrorCode.FRAME_SIZE_ERROR, [frame(FrameType.PING, 0, 0, Buffer.alloc(7))]],
    [
      "GOAWAY on a stream",
      ErrorCode.PROTOCOL_ERROR,
      [frame(FrameType.GOAWAY, 0, 1, Buffer.alloc(8))],
    ],
    [
      "GOAWAY of 7 bytes",
      ErrorCode.FRAME_SIZE_ERROR,
      [frame(FrameType.GOAWAY, 0, 0, Buffer.alloc(7))],
    ],
    [
      "WINDOW_UPDATE of 3 bytes",
      ErrorCode.FRAME_SIZE_ERROR,
      [frame(FrameType.WINDOW_UPDATE, 0, 0, Buffer.alloc(3))],
    ],
    ["WINDOW_UPDATE of 0 on the connection", ErrorCode.PROTOCOL_ERROR, [windowUpdate(0, 0)]],
    ["WINDOW_UPDATE on an idle stream", ErrorCode.PROTOCOL_ERROR, [windowUpdate(9, 1000)]],
    [
      "an overflow of the connection's window",
      ErrorCode.FLOW_CONTROL_ERROR,
      [windowUpdate(0, 0x7fff_ffff)],
    ],
    [
      "a frame above MAX_FRAME_SIZE",
      ErrorCode.FRAME_SIZE_ERROR,
      [dataFrame(1, Buffer.alloc(16_385))],
    ],
  ])("%s", async (_name, code, bytes) => {
    const client = await RawClient.handshake(harness.port);
    client.send(...bytes);
    expect((await client.goAway()).errorCode).toBe(code);
    await client.closed();
    await expectOthersServed();
  });

  it("a first frame that is not SETTINGS", async () => {
    const client = await RawClient.open(harness.port);
    client.send(Buffer.from(CLIENT_PREFACE), frame(FrameType.PING, 0, 0, Buffer.alloc(8)));
    expect((await client.goAway()).errorCode).toBe(ErrorCode.PROTOCOL_ERROR);
    await client.closed();
  });

  it("a wrong preface", async () => {
    const client = await RawClient.open(harness.port);
    client.send(Buffer.from("GET / HTTP/1.1\r\nhost: x\r\n\r\n"));
    expect((await client.goAway()).errorCode).toBe(ErrorCode.PROTOCOL_ERROR);
    await client.closed();
  });
});
