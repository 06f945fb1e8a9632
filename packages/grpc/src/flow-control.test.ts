import { afterEach, describe, expect, it } from "vitest";
import { Flag, FrameType, Setting } from "./frame.js";
import { ErrorCode } from "./http2-error.js";
import { echoMethods, type Harness, startHarness } from "./testing/harness.js";
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
import type { MessageSource, Method, StreamCall } from "./types.js";

let harness: Harness;
let client: RawClient;

async function start(
  options: Parameters<typeof startHarness>[0] = {},
  ...settings: [number, number][]
): Promise<void> {
  // The tests ping to see how far the server has come; that must not count against them.
  harness = await startHarness({ keepalive: { minTimeMs: 0 }, ...options });
  client = await RawClient.handshake(harness.port, ...settings);
}

afterEach(async () => {
  client.close();
  await harness.close();
});

function download(streamId: number, count: number, size: number): Buffer {
  return unaryRequest(streamId, "/test.Echo/Download", Buffer.from(`${count},${size}`));
}

/**
 * Resolves when everything sent before was carried out and its output has come: the first answer may
 * overtake DATA that is queued in the same turn, the second can't.
 */
async function roundTrip(data: string): Promise<void> {
  for (const name of [data, data.toUpperCase()]) {
    client.send(frame(FrameType.PING, 0, 0, Buffer.from(name)));
    await client.waitFor((f) => f.type === FrameType.PING && f.payload.toString() === name);
  }
}

/** Answers with as many bytes as asked for, counted up from 0, made when they are sent. */
function answerCounting(bytes: number): Method {
  const source: MessageSource = {
    length: bytes,
    copyNext: (into, at, count) => {
      for (let i = 0; i < count; i++) into[at + i] = made++;
    },
  };
  let made = 0;
  const [head, tail] = [Buffer.from("head"), Buffer.from("tail")];
  return { kind: "unary", handle: (call) => call.respondParts([head, source, tail]) };
}

describe("sending", () => {
  it.each([20, 300_000])("makes %i bytes of a reply as they go out", async (bytes) => {
    const methods = new Map([["/a.B/C", answerCounting(bytes)]]);
    await start({ methods }, [Setting.INITIAL_WINDOW_SIZE, 1 << 24]);
    client.send(windowUpdate(0, 1 << 24), unaryRequest(1, "/a.B/C", Buffer.alloc(0)));
    await client.trailers(1);
    const counted = Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => i));
    const message = Buffer.concat([Buffer.from("head"), counted, Buffer.from("tail")]);
    expect(client.body(1).equals(grpcMessage(message))).toBe(true);
  });

  it("keeps to the stream's window, grown by WINDOW_UPDATE", async () => {
    await start({}, [Setting.INITIAL_WINDOW_SIZE, 10]);
    client.send(unaryRequest(1, "/test.Echo/Unary", Buffer.alloc(95, 7)));
    await roundTrip("ping---1");
    expect(client.body(1).length).toBe(10);
    client.send(windowUpdate(1, 40));
    await roundTrip("ping---2");
    expect(client.body(1).length).toBe(50);
    client.send(windowUpdate(1, 1000));
    expect((await client.trailers(1)).get("grpc-status")).toBe("0");
    expect(client.body(1)).toEqual(grpcMessage(Buffer.alloc(95, 7)));
  });

  it.each([0, 2, 95, 5_000, 16_379])("copies %i bytes in pieces", async (bytes) => {
    await start();
    const message = Buffer.from(Array.from({ length: bytes }, (_, i) => (i * 7) % 251));
    client.send(unaryRequest(1, "/test.Echo/Splice", message));
    expect((await client.trailers(1)).get("grpc-status")).toBe("0");
    expect(client.body(1)).toEqual(grpcMessage(message));
  });

  it("copies pieces into a queue where there is no window for them", async () => {
    await start({}, [Setting.INITIAL_WINDOW_SIZE, 10]);
    const message = Buffer.from(Array.from({ length: 95 }, (_, i) => i));
    client.send(unaryRequest(1, "/test.Echo/Splice", message));
    await roundTrip("ping---1");
    client.send(windowUpdate(1, 1000));
    expect((await client.trailers(1)).get("grpc-status")).toBe("0");
    expect(client.body(1)).toEqual(grpcMessage(message));
  });

  it("keeps to the connection's window over all streams", async () => {
    await start({}, [Setting.INITIAL_WINDOW_SIZE, 1 << 20]);
    for (const id of [1, 3]) client.send(download(id, 1, 65_000));
    await roundTrip("ping---1");
    expect(client.body(1).length + client.body(3).length).toBe(65_535);
    client.send(windowUpdate(0, 1 << 20));
    await Promise.all([client.trailers(1), client.trailers(3)]);
    expect(client.body(1).length + client.body(3).length).toBe(2 * 65_005);
  });

  it("serves streams in turn, so that a large reply delays no small one", async () => {
    await start({}, [Setting.INITIAL_WINDOW_SIZE, 1 << 20]);
    client.send(download(1, 8, 100_000), unaryRequest(3, "/test.Echo/Unary", Buffer.alloc(10)));
    // The large reply has used up the window before; the small one must be next all the same.
    await roundTrip("ping---1");
    client.send(windowUpdate(0, 2 * 16_384));
    expect((await client.trailers(3)).get("grpc-status")).toBe("0");
    expect(client.body(1).length).toBeLessThan(65_535 + 2 * 16_384);
  });

  it("applies a new initial window to open streams, also below zero", async () => {
    await start({}, [Setting.INITIAL_WINDOW_SIZE, 100]);
    client.send(unaryRequest(1, "/test.Echo/Unary", Buffer.alloc(395)));
    await roundTrip("ping---1");
    expect(client.body(1).length).toBe(100);
    // The window is 0 - 60 = -60 now; 60 more bytes make it 0, and only then something moves.
    client.send(settingsFrame([Setting.INITIAL_WINDOW_SIZE, 40]), windowUpdate(1, 60));
    await roundTrip("ping---2");
    expect(client.body(1).length).toBe(100);
    client.send(windowUpdate(1, 1));
    await roundTrip("ping---3");
    expect(client.body(1).length).toBe(101);
    client.send(settingsFrame([Setting.INITIAL_WINDOW_SIZE, 1000]));
    expect((await client.trailers(1)).get("grpc-status")).toBe("0");
  });

  it("cuts messages at the client's MAX_FRAME_SIZE", async () => {
    await start({}, [Setting.MAX_FRAME_SIZE, 20_000]);
    client.send(download(1, 1, 50_000));
    await client.trailers(1);
    const sizes = client.frames
      .filter((f) => f.type === FrameType.DATA)
      .map((f) => f.payload.length);
    expect(sizes).toEqual([20_000, 20_000, 10_005]);
  });

  it("fails a stream whose sender ignores a slow client", async () => {
    const methods = echoMethods();
    methods.set("/test.Echo/Flood", {
      kind: "stream",
      open: (call) => {
        for (let i = 0; i < 100; i++) call.write(Buffer.alloc(20_000));
      },
    });
    await start({ methods, streamQueueBytesMax: 500_000 });
    client.send(headersFrame(1, requestFields("/test.Echo/Flood")));
    const trailers = await client.trailers(1);
    expect(trailers.get("grpc-status")).toBe("8");
    expect(client.body(1).length).toBeLessThan(100_000);
  });

  it("asks to wait and calls onDrain when the client takes on more", async () => {
    const writes: boolean[] = [];
    let drains = 0;
    let call: StreamCall | undefined;
    const methods = new Map<string, Method>([
      [
        "/a.B/C",
        {
          kind: "stream",
          open: (opened) => {
            call = opened;
            opened.onDrain = () => drains++;
            for (let i = 0; i < 4; i++) writes.push(opened.write(Buffer.alloc(50_000)));
          },
        },
      ],
    ]);
    await start({ methods }, [Setting.INITIAL_WINDOW_SIZE, 1 << 20]);
    client.send(headersFrame(1, requestFields("/a.B/C")));
    await roundTrip("ping---1");
    expect(writes).toEqual([true, false, false, false]);
    expect(call!.queuedBytes).toBe(4 * 50_005 - 65_535);
    expect(drains).toBe(0);
    client.send(windowUpdate(0, 1 << 20));
    await roundTrip("ping---2");
    expect([drains, call!.queuedBytes]).toEqual([1, 0]);
    call!.end();
    await client.trailers(1);
  });

  it("lends output memory for whole messages while the windows hold them", async () => {
    let call: StreamCall | undefined;
    const sent: number[] = [];
    const observer = { ended() {}, received() {}, sent: (count: number) => sent.push(count) };
    const open = (opened: StreamCall): void => {
      call = opened;
    };
    const methods = new Map<string, Method>([["/a.B/C", { kind: "stream", open, observer }]]);
    await start({ methods }, [Setting.INITIAL_WINDOW_SIZE, 30_000]);
    client.send(headersFrame(1, requestFields("/a.B/C")));
    await roundTrip("ping---1");
    expect(call!.openFrame(16_385)).toBeUndefined();
    const body = Buffer.concat([1, 2, 3].map((fill) => grpcMessage(Buffer.alloc(4_000, fill))));
    for (let i = 0; i < 2; i++) {
      const { bytes, start: at, end } = call!.openFrame(4_005)!;
      expect(end - at).toBe(16_384);
      bytes.set(body, at);
      expect(call!.closeFrame(body.length, 3)).toBe(true);
    }
    // What is left of the stream's window bounds the room, and then there is none.
    const last = call!.openFrame(5)!;
    expect(last.end - last.start).toBe(30_000 - 2 * body.length);
    last.bytes.set(grpcMessage(Buffer.alloc(0)), last.start);
    call!.closeFrame(5, 1);
    expect(call!.openFrame(30_000 - 2 * body.length - 4)).toBeUndefined();
    const rest = Buffer.concat([4, 5].map((fill) => grpcMessage(Buffer.alloc(4_000, fill))));
    expect(call!.writeFramed(rest, rest.length, 2)).toBe(true);
    expect(call!.openFrame(5)).toBeUndefined();
    client.send(windowUpdate(1, 100_000));
    await roundTrip("ping---2");
    expect(client.body(1)).toEqual(Buffer.concat([body, body, grpcMessage(Buffer.alloc(0)), rest]));
    expect(sent).toEqual([3, 3, 1, 2]);
    call!.end();
    await client.trailers(1);
    expect(call!.openFrame(5)).toBeUndefined();
  });

  it("asks a stream that fills a share of the output to wait for the next turn", async () => {
    const before: number[] = [];
    const message = grpcMessage(Buffer.alloc(16_000, 1));
    const open = (call: StreamCall): void => {
      let count = 0;
      const fill = (): void => {
        for (let isOpen = true; isOpen && count < 40; count++) {
          const { bytes, start: at } = call.openFrame(message.length)!;
          bytes.set(message, at);
          isOpen = call.closeFrame(message.length, 1);
        }
        before.push(count);
        if (count === 40) call.end();
      };
      call.onDrain = fill;
      fill();
    };
    const methods = new Map<string, Method>([["/a.B/C", { kind: "stream", open }]]);
    await start({ methods, limits: { outputHighBytes: 200_000 } }, [
      Setting.INITIAL_WINDOW_SIZE,
      1 << 20,
    ]);
    client.send(windowUpdate(0, 1 << 20), headersFrame(1, requestFields("/a.B/C")));
    expect((await client.trailers(1)).get("grpc-status")).toBe("0");
    expect(before).toEqual([7, 14, 21, 28, 35, 40]);
    expect(client.body(1).length).toBe(40 * message.length);
  });

  it("gives queues of all connections a share of each turn, and none of them all", async () => {
    await start({ limits: { turnBytesMax: 20_000, outputHighBytes: 10_000 } }, [
      Setting.INITIAL_WINDOW_SIZE,
      1 << 24,
    ]);
    const others: RawClient[] = [];
    for (let i = 0; i < 5; i++) {
      others.push(await RawClient.handshake(harness.port, [Setting.INITIAL_WINDOW_SIZE, 1 << 24]));
    }
    const all = [client, ...others];
    for (const each of all) each.send(windowUpdate(0, 1 << 24), download(1, 3, 300_000));
    for (const each of all) {
      expect((await each.trailers(1)).get("grpc-status")).toBe("0");
      expect(each.body(1).length).toBe(3 * 300_005);
    }
    for (const each of others) each.close();
  });

  it("refuses new streams while too many replies wait, and ends a client that goes on", async () => {
    const methods = echoMethods();
    methods.set("/test.Echo/Flood", {
      kind: "stream",
      open: (call) => {
        call.onMessage = (message) => {
          call.write(message);
        };
      },
    });
    await start(
      { methods, limits: { queuedReplySoftBytesMax: 100_000, queuedReplyHardBytesMax: 250_000 } },
      [Setting.INITIAL_WINDOW_SIZE, 0],
    );
    client.send(headersFrame(1, requestFields("/test.Echo/Flood")));
    const large = (id: number): void => {
      client.send(headersFrame(id, requestFields("/test.Echo/Unary")));
      const body = grpcMessage(Buffer.alloc(60_000));
      for (let i = 0; i < body.length; i += 16_000) {
        client.send(dataFrame(id, body.subarray(i, i + 16_000), i + 16_000 < body.length ? 0 : 1));
      }
    };
    for (const id of [3, 5, 7]) large(id);
    expect(await client.reset(7)).toBe(ErrorCode.REFUSED_STREAM);
    // An open stream may still add to the queue, up to the hard limit.
    for (let i = 0; i < 12; i++) client.send(dataFrame(1, grpcMessage(Buffer.alloc(16_000))));
    expect(await client.goAway()).toMatchObject({ errorCode: ErrorCode.ENHANCE_YOUR_CALM });
    await client.closed();
  });
});

describe("receiving", () => {
  it("gives windows back in batches", async () => {
    await start({ limits: { streamWindowBytes: 40_000, connectionWindowBytes: 100_000 } });
    client.send(headersFrame(1, requestFields("/test.Echo/Hang")));
    for (let i = 0; i < 12; i++) client.send(dataFrame(1, Buffer.alloc(10_000)));
    await roundTrip("ping---1");
    const updates = client.frames.filter((f) => f.type === FrameType.WINDOW_UPDATE);
    const sum = (id: number): number =>
      updates
        .filter((f) => f.streamId === id)
        .reduce((total, f) => total + f.payload.readUInt32BE(0), 0);
    // Hang is unary and its first message is 0 long; what follows fails the call or is swallowed.
    expect(sum(0)).toBeGreaterThanOrEqual(100_000 - 65_535 + 100_000);
    expect(updates.length).toBeLessThan(10);
  });

  it("holds a client back while the handler pauses, and loses nothing", async () => {
    const seen: number[] = [];
    let call: StreamCall | undefined;
    let halfClosed = 0;
    const methods = new Map<string, Method>([
      [
        "/a.B/C",
        {
          kind: "stream",
          open: (opened) => {
            call = opened;
            opened.onMessage = (message) => {
              seen.push(message[0]!);
              if (message[0] === 1) opened.pause();
            };
            opened.onHalfClose = () => {
              halfClosed++;
              setTimeout(() => opened.end(), 10);
            };
          },
        },
      ],
    ]);
    await start({ methods, limits: { streamWindowBytes: 50_000 } });
    client.send(headersFrame(1, requestFields("/a.B/C")));
    for (let i = 0; i < 4; i++) client.send(dataFrame(1, grpcMessage(Buffer.alloc(12_000, i))));
    await roundTrip("ping---1");
    expect(seen).toEqual([0, 1]);
    const updates = () =>
      client.frames.filter((f) => f.type === FrameType.WINDOW_UPDATE && f.streamId === 1).length;
    expect(updates()).toBe(0);
    call!.resume();
    await roundTrip("ping---2");
    expect(seen).toEqual([0, 1, 2, 3]);
    expect(updates()).toBe(1);
    call!.pause();
    client.send(dataFrame(1, grpcMessage(Buffer.alloc(1, 9)), Flag.END_STREAM));
    await roundTrip("ping---3");
    expect([seen.length, halfClosed]).toEqual([4, 0]);
    call!.resume();
    call!.pause();
    call!.resume();
    await client.trailers(1);
    expect([seen.at(-1), halfClosed]).toEqual([9, 1]);
  });

  it("fails the call that makes a connection hold too much", async () => {
    await start({ limits: { heldReceiveBytesMax: 100_000 } });
    const prefix = Buffer.concat([Buffer.from([0]), uint32(1_000_000)]);
    for (const id of [1, 3, 5]) {
      client.send(headersFrame(id, requestFields("/test.Echo/Unary")), dataFrame(id, prefix));
      for (let i = 0; i < 3; i++) client.send(dataFrame(id, Buffer.alloc(16_000)));
    }
    const trailers = await client.trailers(3);
    expect(trailers.get("grpc-status")).toBe("8");
    expect(await client.reset(3)).toBe(ErrorCode.NO_ERROR);
  });
});
