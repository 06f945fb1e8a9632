import { createServer, type IncomingHttpHeaders, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { etcdserverpb } from "@kvorum/api";
import { nodeClock } from "@kvorum/base/node";
import { type CallObserver, type Method, Status, type StreamCall } from "@kvorum/grpc";
import { afterEach, describe, expect, it } from "vitest";
import { JsonGateway, type JsonGatewayOptions } from "./json-gateway.js";

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

const RANGE = "/etcdserverpb.KV/Range";
const WATCH = "/etcdserverpb.Watch/Watch";
const SNAPSHOT = "/etcdserverpb.Maintenance/Snapshot";

type Handle = Extract<Method, { kind: "unary" }>["handle"];
type Open = Extract<Method, { kind: "stream" }>["open"];

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What observers were told: path and status of each call that ended. */
let ended: [path: string, code: number][] = [];
const observer: CallObserver = {
  ended: (call, code) => ended.push([call.path, code]),
  sent: () => {},
};

async function serve(
  methods: Record<string, { unary: Handle } | { stream: Open }>,
  options: Partial<JsonGatewayOptions> = {},
): Promise<JsonGateway> {
  ended = [];
  const table = Object.entries(methods).map(([path, given]): [string, Method] => [
    path,
    "unary" in given
      ? { kind: "unary", handle: given.unary, observer }
      : { kind: "stream", open: given.stream, observer },
  ]);
  const gateway = new JsonGateway({
    ...{ methods: new Map(table), clock: nodeClock, messageBytesMax: 1000 },
    ...options,
  });
  server = createServer(gateway.pages);
  await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
  return gateway;
}

function begin(path: string, headers: Record<string, string> = {}, method = "POST") {
  const { port } = server!.address() as AddressInfo;
  const sent = request({ host: "127.0.0.1", port, path, method, headers });
  const lines: string[] = [];
  const answer = new Promise<Answer>((resolve, reject) => {
    sent.on("error", reject).on("response", (response) => {
      response.setEncoding("utf8").on("data", (part: string) => lines.push(part));
      response.on("end", () => {
        const { statusCode: status = 0, headers } = response;
        resolve({ status, headers, body: lines.join("") });
      });
    });
  });
  return { sent, answer, lines };
}

async function ask(
  path: string,
  body: string | Buffer,
  headers: Record<string, string> = {},
  method = "POST",
): Promise<Answer> {
  const { sent, answer } = begin(path, headers, method);
  sent.end(body);
  return answer;
}

const reply = (key: string) =>
  etcdserverpb.RangeResponse.encode(
    etcdserverpb.RangeResponse.fromPartial({ kvs: [{ key: Buffer.from(key) }], count: 1 }),
  ).finish();
const echoes: Handle = (call, message) => {
  const { key } = etcdserverpb.RangeRequest.decode(message);
  call.respondCopy(reply(Buffer.from(key).toString()), reply(Buffer.from(key).toString()).length);
};
const answersWatch = (call: StreamCall, watchId: number) =>
  call.write(
    etcdserverpb.WatchResponse.encode(etcdserverpb.WatchResponse.fromPartial({ watchId })).finish(),
  );

const endsWithClient: Open = (call) => {
  call.onHalfClose = () => call.end();
};

describe("a unary call", () => {
  it("answers in JSON with gRPC's metadata", async () => {
    await serve({ [RANGE]: { unary: echoes } });
    const answer = await ask("/v3/kv/range?x=1", '{"key":"YQ=="} what follows is passed over');
    expect(answer).toMatchObject({
      status: 200,
      body: '{"kvs":[{"key":"YQ=="}],"count":"1"}',
      headers: {
        "content-type": "application/json",
        "content-length": "36",
        "grpc-metadata-content-type": "application/grpc",
      },
    });
    expect(ended).toEqual([[RANGE, Status.OK]]);
    expect((await ask("/v3/kv/range", "")).body).toBe('{"kvs":[{}],"count":"1"}');
  });

  it("joins the parts of an answer", async () => {
    const whole = reply("abc");
    const source = {
      length: 3,
      copyNext: (into: Uint8Array, at: number) => void into.set(whole.subarray(2, 5), at),
    };
    await serve({
      [RANGE]: {
        unary: (call, message) => {
          if (message.length === 0) {
            call.respondParts([whole.subarray(0, 2), source, whole.subarray(5)]);
            return;
          }
          const around = { head: whole, headBytes: 3, tail: whole.subarray(6) };
          call.respondSpliced({ ...around, body: whole, bodyStart: 3, bodyEnd: 6 });
        },
      },
    });
    const expected = '{"kvs":[{"key":"YWJj"}],"count":"1"}';
    expect((await ask("/v3/kv/range", "{}")).body).toBe(expected);
    expect((await ask("/v3/kv/range", '{"limit":1}')).body).toBe(expected);
  });

  it("passes on who calls, and further metadata", async () => {
    let seen: (readonly string[])[] = [];
    const names = ["authorization", "hasleader", "grpcgateway-accept", "cookie", "bad"];
    await serve({
      [RANGE]: {
        unary: (call, message) => {
          seen = names.map((name) => call.metadata.getAll(name));
          echoes(call, message);
        },
      },
    });
    await ask("/v3/kv/range", "{}", {
      ...{ Authorization: "t.1", Accept: "a/b", "Grpc-Metadata-HasLeader": "true", Cookie: "c" },
      "Grpc-Metadata-Bad": "\u00e4",
    });
    expect(seen).toEqual([["t.1"], ["true"], ["a/b"], [], []]);
  });

  it("has grpc-gateway's status for each code", async () => {
    await serve({ [RANGE]: { unary: (call) => call.fail(Status.UNAUTHENTICATED, "who?") } });
    const answer = await ask("/v3/kv/range", "{}");
    expect(answer).toMatchObject({
      status: 401,
      headers: { "www-authenticate": "who?", "content-type": "application/json" },
      body: '{"code":16,"message":"who?"}',
    });
    expect(answer.headers["grpc-metadata-content-type"]).toBeUndefined();
    expect(ended).toEqual([[RANGE, Status.UNAUTHENTICATED]]);
  });

  it.each([
    ["/v3/kv/range", '{"key":', "POST", 400, '{"code":3,"message":"unexpected EOF"}'],
    ["/v3/kv/range", "[]", "POST", 400, /unexpected token \[/],
    ["/v3/kv/range", "{}", "GET", 501, '{"code":12,"message":"Method Not Allowed"}'],
    ["/v3/kv/put", "{}", "POST", 404, '{"code":5,"message":"Not Found"}'],
    ["/v3/kv/range/", "{}", "POST", 404, '{"code":5,"message":"Not Found"}'],
  ])("is not made for %s %s %s", async (path, body, method, status, text) => {
    await serve({ [RANGE]: { unary: echoes } });
    const answer = await ask(path, body, {}, method);
    expect(answer.status).toBe(status);
    expect(answer.body).toMatch(text);
    expect(ended).toEqual([]);
  });

  it("is bounded in its request and its answer", async () => {
    await serve(
      { [RANGE]: { unary: echoes } },
      { limits: { replyBytesMax: 800, valueExtraBytes: 0 } },
    );
    const json = (bytes: number) => `{"key":"${Buffer.alloc(bytes, "a").toString("base64")}"}`;
    expect((await ask("/v3/kv/range", json(700))).status).toBe(200);
    for (const [bytes, text] of [
      [900, /received message larger than max \(9\d\d vs. 800\)/],
      [1100, /received message larger than max \(1103 vs. 1000\)/],
      [5000, /received message larger than max \(\d+ vs. 1000\)/],
    ] as const) {
      const answer = await ask("/v3/kv/range", json(bytes));
      expect(answer.status).toBe(429);
      expect(answer.body).toMatch(text);
    }
  });

  it("is refused when others' unfinished requests hold too much, and ended when it hangs", async () => {
    const limits = { heldBodyBytesMax: 100, bodyTimeoutMs: 500 };
    await serve({ [RANGE]: { unary: echoes } }, { limits });
    const half = `{"key":"${"a".repeat(60)}`;
    const first = begin("/v3/kv/range");
    const broken = first.answer.catch((error: NodeJS.ErrnoException) => error.code);
    await new Promise<void>((resolve) => void first.sent.write(half, () => resolve()));
    const refused = await ask("/v3/kv/range", `${half}aaaaaa`);
    expect(refused).toMatchObject({
      status: 429,
      body: '{"code":8,"message":"too many bytes of unfinished requests"}',
    });
    expect(await broken).toBe("ECONNRESET");
    expect((await ask("/v3/kv/range", `${half}"}`)).status).toBe(200);
    expect(ended).toEqual([[RANGE, Status.OK]]);
  });

  it("ends at its deadline", async () => {
    let cancelled = 0;
    const hangs: Handle = (call) => {
      call.onCancel = () => cancelled++;
    };
    await serve({ [RANGE]: { unary: hangs } });
    const answer = await ask("/v3/kv/range", "{}", { "Grpc-Timeout": "20m" });
    expect(answer).toMatchObject({
      status: 504,
      body: '{"code":4,"message":"context deadline exceeded"}',
    });
    expect(cancelled).toBe(1);
    expect(ended).toEqual([[RANGE, Status.DEADLINE_EXCEEDED]]);
    const wrong = await ask("/v3/kv/range", "{}", { "Grpc-Timeout": "5q" });
    expect(wrong.body).toBe('{"code":3,"message":"invalid grpc-timeout: 5q"}');
    expect((await ask("/v3/kv/range", "{}", { "Grpc-Timeout": "-1S" })).status).toBe(504);
    expect(ended).toHaveLength(1);
  });

  it("is cancelled when its client goes", async () => {
    let sent: { destroy(): void } | undefined;
    const cancelled = new Promise<void>((resolve) => {
      const hangs: Handle = (call) => {
        call.onCancel = resolve;
        sent!.destroy();
      };
      void serve({ [RANGE]: { unary: hangs } }).then(() => {
        const asked = begin("/v3/kv/range");
        sent = asked.sent;
        asked.answer.catch(() => {});
        asked.sent.end("{}");
      });
    });
    await cancelled;
    expect(ended).toEqual([[RANGE, Status.CANCELLED]]);
  });

  it("is refused beside too many others, and while the member stops", async () => {
    let first: Parameters<Handle>[0] | undefined;
    const gateway = await serve(
      {
        [RANGE]: {
          unary: (call) => {
            first = call;
          },
        },
      },
      { limits: { openCallsMax: 1 } },
    );
    const waiting = ask("/v3/kv/range", "{}");
    while (first === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(await ask("/v3/kv/range", "{}")).toMatchObject({
      status: 429,
      body: '{"code":8,"message":"too many open calls"}',
    });
    let isDrained = false;
    const drained = gateway.drain().then(() => {
      isDrained = true;
    });
    expect(await ask("/v3/kv/range", "{}")).toMatchObject({
      status: 503,
      body: '{"code":14,"message":"etcdserver: server stopped"}',
    });
    expect(isDrained).toBe(false);
    first.respond(reply("a"));
    expect((await waiting).status).toBe(200);
    await drained;
  });
});

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
    const { sent, answer, lines } = begin("/v3/watch");
    sent.write('{"create_request":{"ke');
    sent.write('y":"YQ=="}} {"progress_request":{}}');
    while (lines.join("").split("\n").length < 3) {
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
        const { sent, answer, lines } = begin("/v3/watch");
        answer.catch(() => {});
        sent.write("{}");
        const poll = setInterval(() => {
          if (lines.length === 0) return;
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
