import { etcdserverpb } from "@kvorum/api";
import { Status } from "@kvorum/grpc";
import { afterEach, describe, expect, it } from "vitest";
import {
  ask,
  begin,
  ended,
  type Handle,
  RANGE,
  serve,
  stopServing,
} from "./testing/served-gateway.js";

afterEach(stopServing);

const reply = (key: string) =>
  etcdserverpb.RangeResponse.encode(
    etcdserverpb.RangeResponse.fromPartial({ kvs: [{ key: Buffer.from(key) }], count: 1 }),
  ).finish();
const echoes: Handle = (call, message) => {
  const { key } = etcdserverpb.RangeRequest.decode(message);
  const answer = reply(Buffer.from(key).toString());
  call.respondCopy(answer, answer.length);
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
    const holdsFirst: Handle = (call, message) => {
      if (first !== undefined) echoes(call, message);
      first ??= call;
    };
    const gateway = await serve(
      { [RANGE]: { unary: holdsFirst } },
      { limits: { openCallsMax: 2 } },
    );
    const waiting = ask("/v3/kv/range", "{}");
    while (first === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
    const half = begin("/v3/kv/range");
    half.sent.write("{");
    await expect
      .poll(() => ask("/v3/kv/range", "{}"))
      .toMatchObject({ status: 429, body: '{"code":8,"message":"too many open calls"}' });
    let isDrained = false;
    const drained = gateway.drain().then(() => {
      isDrained = true;
    });
    expect(await ask("/v3/kv/range", "{}")).toMatchObject({
      status: 503,
      body: '{"code":14,"message":"etcdserver: server stopped"}',
    });
    expect((await half.answer).status).toBe(503);
    expect(isDrained).toBe(false);
    first.respond(reply("a"));
    expect((await waiting).status).toBe(200);
    await drained;
  });
});
