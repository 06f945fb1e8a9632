import { status } from "@grpc/grpc-js";
import { etcdserverpb } from "@kvorum/api";
import { afterEach, expect, test } from "vitest";
import { Client } from "./client.js";
import { deadEndpoint, type FakeHandlers, headerAt, startFakeServer } from "./test-support.js";

const { RangeResponse, PutResponse } = etcdserverpb;
const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function server(handlers: FakeHandlers): Promise<string> {
  const { endpoint, stop } = await startFakeServer(handlers);
  closers.push(stop);
  return endpoint;
}

function client(options: ConstructorParameters<typeof Client>[0]): Client {
  const made = new Client(options);
  closers.push(() => made.close());
  return made;
}

const answering: FakeHandlers = {
  range: (_call, done) => done(null, RangeResponse.create({ header: headerAt(5), count: 1 })),
  put: (_call, done) => done(null, PutResponse.create({ header: headerAt(6) })),
};

test("reads and writes move on when an endpoint can't be reached", async () => {
  const { kv } = client({ endpoints: [await deadEndpoint(), await server(answering)] });
  for (let i = 0; i < 4; i++) {
    expect((await kv.get("a")).count).toBe(1);
    expect((await kv.put("a", "b")).header.revision).toBe(6);
  }
});

test("requests go to the endpoints in turn", async () => {
  const counts = [0, 0];
  const endpoints = await Promise.all(
    counts.map((_, i) =>
      server({
        range: (_call, done) => {
          counts[i]!++;
          done(null, RangeResponse.create({ header: headerAt(1) }));
        },
      }),
    ),
  );
  const { kv } = client({ endpoints });
  for (let i = 0; i < 6; i++) await kv.get("a");
  expect(counts).toEqual([3, 3]);
});

test("a read is sent again after an unavailable answer, a write is not", async () => {
  const error = { code: status.UNAVAILABLE, details: "etcdserver: no leader" };
  let puts = 0;
  const failing = await server({
    range: (_call, done) => done(error),
    put: (_call, done) => {
      puts++;
      done(error);
    },
  });
  const { kv } = client({ endpoints: [failing, await server(answering)] });
  expect((await kv.get("a")).count).toBe(1);
  await expect(kv.put("a", "b")).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: "etcdserver: no leader",
    isUnsent: false,
  });
  expect(puts).toBe(1);
});

test("a deadline ends the attempts and keeps the reason", async () => {
  const { kv } = client({ endpoints: [await deadEndpoint()] });
  await expect(kv.put("a", "b", { timeoutMs: 2_000 })).rejects.toMatchObject({
    code: "DEADLINE_EXCEEDED",
    message: "context deadline exceeded",
    cause: { code: "UNAVAILABLE", isUnsent: true },
  });
});

test("a stale token is renewed once and the request sent again", async () => {
  let issued = 0;
  const tokens: string[] = [];
  const endpoint = await server({
    authenticate: (_call, done) => {
      issued++;
      const token = `token-${issued}`;
      done(null, etcdserverpb.AuthenticateResponse.create({ header: headerAt(1), token }));
    },
    range: (call, done) => {
      const token = String(call.metadata.get("token")[0]);
      tokens.push(token);
      if (token !== "token-2") {
        done({ code: status.UNAUTHENTICATED, details: "etcdserver: invalid auth token" });
      } else {
        done(null, RangeResponse.create({ header: headerAt(1), count: 1 }));
      }
    },
  });
  const auth = { username: "root", password: "secret" };
  const { kv } = client({ endpoints: [endpoint], auth });
  expect((await kv.get("a")).count).toBe(1);
  expect((await kv.get("a")).count).toBe(1);
  expect(tokens).toEqual(["token-1", "token-2", "token-2"]);
});

test("a signal ends a call under way", async () => {
  const endpoint = await server({ range: () => undefined });
  const { kv } = client({ endpoints: [endpoint] });
  const controller = new AbortController();
  const pending = kv.get("a", { signal: controller.signal });
  setImmediate(() => controller.abort());
  const canceled = { code: "CANCELLED", message: "context canceled" };
  await expect(pending).rejects.toMatchObject(canceled);
});

test("a closed client refuses, and options without an endpoint are refused", async () => {
  const closed = client({ endpoints: [await deadEndpoint()] });
  closed.close();
  await expect(closed.kv.get("a")).rejects.toMatchObject({ code: "CLOSED" });
  expect(() => new Client({ endpoints: [] })).toThrow("etcdclient: no available endpoints");
});

test("a write is not sent any more once its caller has given up", async () => {
  const controller = new AbortController();
  let puts = 0;
  const endpoint = await server({
    // The caller gives up while its token is fetched.
    authenticate: (_call, done) => {
      controller.abort();
      done(null, etcdserverpb.AuthenticateResponse.create({ header: headerAt(1), token: "t" }));
    },
    put: (_call, done) => {
      puts++;
      done(null, PutResponse.create({ header: headerAt(6) }));
    },
  });
  const { kv } = client({ endpoints: [endpoint], auth: { username: "u", password: "p" } });
  const pending = kv.put("a", "b", { signal: controller.signal });
  await expect(pending).rejects.toMatchObject({ code: "CANCELLED" });
  expect((await kv.put("a", "b")).header.revision).toBe(6);
  expect(puts).toBe(1);
});

test("who gives up takes nobody's token along", async () => {
  let logins = 0;
  const endpoint = await server({
    authenticate: (_call, done) => {
      // The first login is never answered.
      if (logins++ === 0) return;
      done(null, etcdserverpb.AuthenticateResponse.create({ header: headerAt(1), token: "t" }));
    },
    range: (_call, done) => done(null, RangeResponse.create({ header: headerAt(1), count: 1 })),
  });
  const { kv } = client({ endpoints: [endpoint], auth: { username: "u", password: "p" } });
  const first = kv.get("a", { timeoutMs: 200 });
  const second = kv.get("a");
  await expect(first).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  expect((await second).count).toBe(1);
  expect(logins).toBe(2);
});

test("requests under way fail when the client is closed", async () => {
  const endpoint = await server({ range: () => undefined });
  const made = client({ endpoints: [endpoint] });
  const pending = made.kv.get("a");
  await new Promise((resolve) => setTimeout(resolve, 50));
  made.close();
  await expect(pending).rejects.toMatchObject({ code: "CLOSED" });
});
