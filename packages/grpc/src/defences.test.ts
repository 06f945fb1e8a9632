import { afterEach, describe, expect, it } from "vitest";
import { CLIENT_PREFACE, Flag, FrameType, Setting } from "./frame.js";
import { ErrorCode } from "./http2-error.js";
import type { TransportLimits } from "./limits.js";
import { FakeClock, type Harness, startHarness } from "./testing/harness.js";
import {
  dataFrame,
  frame,
  grpcMessage,
  headersFrame,
  RawClient,
  requestFields,
  settingsFrame,
  uint32,
  unaryRequest,
  windowUpdate,
} from "./testing/raw-client.js";

let harness: Harness;

afterEach(() => harness.close());

async function start(limits: Partial<TransportLimits> = {}, clock = new FakeClock()) {
  harness = await startHarness({ limits, clock });
  return { clock, client: await RawClient.handshake(harness.port) };
}

const repeat = (count: number, make: (i: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));

const UNARY = "/test.Echo/Unary";
const HANG = "/test.Echo/Hang";
const BURST = { resetBurst: 50, settingsBurst: 50, idleFrameBurst: 50 };

const openAndReset = (i: number): Buffer =>
  Buffer.concat([
    headersFrame(2 * i + 1, requestFields(HANG)),
    frame(FrameType.RST_STREAM, 0, 2 * i + 1, uint32(ErrorCode.CANCEL)),
  ]);

describe("a flood ends its connection with ENHANCE_YOUR_CALM", () => {
  it.each<[name: string, flood: Buffer]>([
    ["rapid reset (CVE-2023-44487)", repeat(60, openAndReset)],
    [
      "resets provoked from the server (CVE-2025-8671)",
      repeat(60, (i) =>
        Buffer.concat([headersFrame(2 * i + 1, requestFields(HANG)), windowUpdate(2 * i + 1, 0)]),
      ),
    ],
    ["SETTINGS (CVE-2019-9515)", repeat(60, () => settingsFrame([Setting.INITIAL_WINDOW_SIZE, 1]))],
    ["SETTINGS acknowledgements", repeat(60, () => frame(FrameType.SETTINGS, Flag.ACK, 0))],
    [
      "empty DATA (CVE-2019-9518)",
      Buffer.concat([
        headersFrame(1, requestFields(HANG)),
        repeat(60, () => dataFrame(1, Buffer.alloc(0))),
      ]),
    ],
    [
      "PRIORITY (CVE-2019-9513)",
      repeat(60, () => frame(FrameType.PRIORITY, 0, 1, Buffer.alloc(5))),
    ],
    ["unknown frames", repeat(60, () => frame(0x77, 0, 0))],
    ["tiny WINDOW_UPDATE (CVE-2019-9511)", repeat(60, () => windowUpdate(0, 1))],
    [
      "PING acknowledgements",
      repeat(60, () => frame(FrameType.PING, Flag.ACK, 0, Buffer.alloc(8))),
    ],
    [
      "CONTINUATION without end (CVE-2024-27316)",
      Buffer.concat([
        frame(FrameType.HEADERS, 0, 1, Buffer.from([0x82])),
        repeat(40, () => frame(FrameType.CONTINUATION, 0, 1, Buffer.from([0x82]))),
      ]),
    ],
    [
      "a header block without end",
      Buffer.concat([
        frame(FrameType.HEADERS, 0, 1, Buffer.alloc(16_000, 0x82)),
        repeat(5, () => frame(FrameType.CONTINUATION, 0, 1, Buffer.alloc(16_000, 0x82))),
      ]),
    ],
  ])("%s", async (_name, flood) => {
    const { client } = await start(BURST);
    client.send(flood);
    expect((await client.goAway()).errorCode).toBe(ErrorCode.ENHANCE_YOUR_CALM);
    await client.closed();
  });

  it("but a steady rate below the limit is borne", async () => {
    const { client, clock } = await start({ ...BURST, resetsPerSecond: 1000 });
    for (let round = 0; round < 5; round++) {
      const last = 100 * (round + 1);
      client.send(repeat(40, (i) => openAndReset(50 * round + i)));
      client.send(unaryRequest(last - 1, UNARY, Buffer.alloc(1)));
      expect((await client.trailers(last - 1)).get("grpc-status")).toBe("0");
      clock.advance(50);
    }
    client.close();
  });
});

describe("time-outs", () => {
  it("a connection without preface is closed", async () => {
    const clock = new FakeClock();
    harness = await startHarness({ clock });
    const client = await RawClient.open(harness.port);
    client.send(Buffer.from(CLIENT_PREFACE.slice(0, 10)));
    while (harness.server.stat().connections === 0) await new Promise((r) => setTimeout(r, 2));
    clock.advance(20_001);
    await client.closed();
  });

  it("settings that are never acknowledged are SETTINGS_TIMEOUT", async () => {
    const clock = new FakeClock();
    harness = await startHarness({ clock });
    const client = await RawClient.open(harness.port);
    client.send(Buffer.from(CLIENT_PREFACE), settingsFrame());
    await client.waitFor((f) => f.type === FrameType.SETTINGS && f.flags === Flag.ACK);
    clock.advance(30_001);
    expect((await client.goAway()).errorCode).toBe(ErrorCode.SETTINGS_TIMEOUT);
    await client.closed();
  });

  it("a client that does not read is cut off after the linger time", async () => {
    const { client, clock } = await start();
    client.socket.pause();
    client.send(frame(FrameType.PUSH_PROMISE, 0, 1));
    while (harness.server.stat().connections > 0) {
      clock.advance(100);
      await new Promise((r) => setTimeout(r, 2));
    }
    client.close();
  });
});

describe("bounds", () => {
  it("streams above the announced number are REFUSED_STREAM", async () => {
    harness = await startHarness({ maxConcurrentStreams: 2 });
    const client = await RawClient.handshake(harness.port);
    const settings = await client.waitFor((f) => f.type === FrameType.SETTINGS);
    const found = new Map<number, number>();
    for (let i = 0; i < settings.payload.length; i += 6) {
      found.set(settings.payload.readUInt16BE(i), settings.payload.readUInt32BE(i + 2));
    }
    expect(found.get(Setting.MAX_CONCURRENT_STREAMS)).toBe(2);
    client.send(repeat(3, (i) => headersFrame(2 * i + 1, requestFields(HANG))));
    expect(await client.reset(5)).toBe(ErrorCode.REFUSED_STREAM);
    client.send(
      frame(FrameType.RST_STREAM, 0, 1, uint32(8)),
      unaryRequest(7, UNARY, Buffer.alloc(1)),
    );
    expect((await client.trailers(7)).get("grpc-status")).toBe("0");
    client.close();
  });

  it("a client that provokes replies and reads none is closed, its memory bounded", async () => {
    harness = await startHarness({
      limits: { unreadReplyBytesMax: 100_000, outputHighBytes: 10_000 },
    });
    const client = await RawClient.handshake(harness.port);
    client.socket.pause();
    let streamId = 1;
    // Refusals are outside flow control; nothing but this bound stops them from piling up.
    const timer = setInterval(() => {
      const batch = repeat(200, () => {
        const bytes = headersFrame(streamId, requestFields("/no.Such/Method"), 5);
        streamId += 2;
        return bytes;
      });
      if (!client.socket.destroyed) client.send(batch);
    }, 1);
    while (harness.server.stat().connections > 0) await new Promise((r) => setTimeout(r, 10));
    clearInterval(timer);
    client.close();
    expect(streamId).toBeGreaterThan(1000);
  });
});

describe("keepalive", () => {
  const ping = frame(FrameType.PING, 0, 0, Buffer.alloc(8));

  it("more pings than allowed are too_many_pings", async () => {
    const { client } = await start();
    client.send(ping, ping, ping, ping);
    expect(await client.goAway()).toEqual({
      lastStreamId: 0,
      errorCode: ErrorCode.ENHANCE_YOUR_CALM,
      reason: "too_many_pings",
    });
    await client.closed();
  });

  it("with a stream, pings in their distance are fine; without one they are not", async () => {
    const { client, clock } = await start();
    client.send(headersFrame(1, requestFields(HANG)));
    const pings = () => client.frames.filter((f) => f.type === FrameType.PING).length;
    for (let i = 1; i <= 6; i++) {
      client.send(ping);
      while (pings() < i) await new Promise((r) => setTimeout(r, 1));
      clock.advance(5_001);
    }
    client.send(frame(FrameType.RST_STREAM, 0, 1, uint32(8)));
    for (let i = 0; i < 3; i++) {
      client.send(ping);
      clock.advance(5_001);
    }
    expect((await client.goAway()).reason).toBe("too_many_pings");
  });

  it("pings after each reply are fine: clients measure bandwidth so", async () => {
    const { client } = await start();
    for (let i = 0; i < 20; i++) {
      client.send(unaryRequest(2 * i + 1, UNARY, Buffer.alloc(1)), ping);
      await client.trailers(2 * i + 1);
    }
    expect(client.frames.some((f) => f.type === FrameType.GOAWAY)).toBe(false);
    client.close();
  });

  it("a silent connection is pinged, and closed when it stays silent", async () => {
    const { client, clock } = await start();
    client.send(unaryRequest(1, UNARY, Buffer.alloc(1)));
    await client.trailers(1);
    clock.advance(2 * 60 * 60 * 1000 + 1);
    const asked = await client.waitFor((f) => f.type === FrameType.PING && f.flags === 0);
    client.send(frame(FrameType.PING, Flag.ACK, 0, asked.payload));
    client.send(unaryRequest(3, UNARY, Buffer.alloc(1)));
    await client.trailers(3);
    clock.advance(20_001);
    expect(client.isClosed).toBe(false);
    clock.advance(2 * 60 * 60 * 1000);
    clock.advance(20_001);
    await client.closed();
  });
});

describe("what a connection may make the server hold", () => {
  it("counts whole requests that wait for their end", async () => {
    const { client } = await start({ heldReceiveBytesMax: 25_000 });
    const open = (id: number): void =>
      client.send(
        headersFrame(id, requestFields(UNARY)),
        dataFrame(id, grpcMessage(Buffer.alloc(10_000))),
      );
    const end = (id: number): void => client.send(dataFrame(id, Buffer.alloc(0), Flag.END_STREAM));
    for (const id of [1, 3, 5]) open(id);
    expect((await client.trailers(5)).get("grpc-status")).toBe("8");
    // Those that fit are answered once they end, and free what they held.
    end(1);
    expect((await client.trailers(1)).get("grpc-status")).toBe("0");
    open(7);
    end(7);
    expect((await client.trailers(7)).get("grpc-status")).toBe("0");
    client.close();
  });
});
