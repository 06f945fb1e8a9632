import { etcdserverpb } from "@kvorum/api";
import { Status, type StreamCall } from "@kvorum/grpc";
import { afterEach, describe, expect, it } from "vitest";
import {
  ask,
  begin,
  ended,
  type Open,
  SNAPSHOT,
  serve,
  stopServing,
  WATCH,
} from "./testing/served-gateway.js";

afterEach(stopServing);

const answersWatch = (call: StreamCall, watchId: number) =>
  call.write(
    etcdserverpb.WatchResponse.encode(etcdserverpb.WatchResponse.fromPartial({ watchId })).finish(),
  );
const endsWithClient: Open = (call) => {
  call.onHalfClose = () => call.end();
};

describe("a call of streams", () => {
  it("takes JSON values as they come and gives lines", async () => {
    await serve({
      [WATCH]: {
        stream: (call) => {
          let count = 0;
          call.onMessage = () => answersWatch(call, ++count);
          call.onHalfClose = () => call.end();
        },
      },
    });
    const { sent, answer, parts } = begin("/v3/watch");
    sent.write('{"create_request":{"ke');
    sent.write('y":"YQ=="}} {"progress_request":{}}');
    while (parts.join("").split("\n").length < 3) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    sent.end('{"progress_request":{}}');
    expect(await answer).toMatchObject({
      status: 200,
      headers: { "transfer-encoding": "chunked", "grpc-metadata-content-type": "application/grpc" },
      body: [1, 2, 3].map((id) => `{"result":{"watch_id":"${id}"}}\n`).join(""),
    });
    expect(ended).toEqual([[WATCH, Status.OK]]);
  });

  it("hands over no message while its handler has paused", async () => {
    await serve({
      [WATCH]: {
        stream: (call) => {
          const seen: string[] = [];
          call.onMessage = () => {
            seen.push("message");
            call.pause();
            setTimeout(() => {
              seen.push("resume");
              call.resume();
            }, 5);
          };
          call.onHalfClose = () => call.fail(Status.ABORTED, seen.join(" "));
        },
      },
    });
    expect(await ask("/v3/watch", "{}{}")).toMatchObject({
      status: 409,
      body: '{"error":{"code":10,"message":"message resume message resume"}}\n',
    });
  });

  it("ends what a client sends at a value that is none", async () => {
    await serve({ [WATCH]: { stream: endsWithClient } });
    const answer = await ask("/v3/watch", '{"create_request":{"key":5}}{}');
    expect(answer).toMatchObject({ status: 200, body: "" });
  });

  it("says an error behind what it said before", async () => {
    const framed = Buffer.concat([
      Buffer.from([0, 0, 0, 0, 2, 0x10, 7]),
      Buffer.from([0, 0, 0, 0, 0]),
    ]);
    await serve({
      [WATCH]: {
        stream: (call) => {
          expect(call.openFrame(10)).toBeUndefined();
          call.writeFramed(framed, framed.length, 2);
          call.fail(Status.UNAVAILABLE, "gone");
          call.end();
          expect(call.write(framed)).toBe(false);
        },
      },
    });
    expect(await ask("/v3/watch", "{}")).toMatchObject({
      status: 200,
      body: '{"result":{"watch_id":"7"}}\n{"result":{}}\n{"error":{"code":14,"message":"gone"}}\n',
    });
    expect(ended).toEqual([[WATCH, Status.UNAVAILABLE]]);
  });

  it("refuses the body of a call that takes one message", async () => {
    await serve({
      [SNAPSHOT]: {
        stream: (call) => {
          call.onMessage = () => call.write(Buffer.from([0x10, 5]));
          call.onHalfClose = () => call.end();
        },
      },
    });
    expect((await ask("/v3/maintenance/snapshot", "x")).status).toBe(400);
    expect(ended).toEqual([]);
    expect((await ask("/v3/maintenance/snapshot", "")).body).toBe(
      '{"result":{"remaining_bytes":"5"}}\n',
    );
  });

  it("is cancelled when its client goes, or does not read", async () => {
    let mayGoOn: boolean | undefined;
    const cancelled = new Promise<void>((resolve) => {
      void serve(
        {
          [WATCH]: {
            stream: (call) => {
              call.onCancel = resolve;
              answersWatch(call, 1);
            },
          },
          [SNAPSHOT]: {
            stream: (call) => {
              const message = etcdserverpb.SnapshotResponse.encode(
                etcdserverpb.SnapshotResponse.fromPartial({ blob: Buffer.alloc(8_000_000) }),
              ).finish();
              mayGoOn = call.write(message);
            },
          },
        },
        { limits: { streamQueueBytesMax: 100_000 } },
      ).then(() => {
        const { sent, answer, parts } = begin("/v3/watch");
        answer.catch(() => {});
        sent.write("{}");
        const poll = setInterval(() => {
          if (parts.length === 0) return;
          clearInterval(poll);
          sent.destroy();
        }, 1);
      });
    });
    await cancelled;
    expect(ended).toEqual([[WATCH, Status.CANCELLED]]);
    const answer = await ask("/v3/maintenance/snapshot", "");
    expect(mayGoOn).toBe(false);
    expect(answer.body).toMatch(/\{"error":\{"code":8,"message":"too many messages wait/);
  });
});
