import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ServerProcess, startKvorum } from "../support/processes.js";

/** The API in JSON, as a client without gRPC uses it. That etcd answers the same, another test says. */

let node: ServerProcess;
beforeAll(async () => {
  node = await startKvorum("memory");
});
afterAll(() => node.stop());

const base64 = (text: string) => Buffer.from(text).toString("base64");

function post(path: string, body: unknown, init: RequestInit = {}): Promise<Response> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return fetch(`http://${node.endpoint}/v3/${path}`, { method: "POST", body: text, ...init });
}

async function json(path: string, body: unknown): Promise<Record<string, unknown>> {
  const response = await post(path, body);
  expect(response.status, path).toBe(200);
  return (await response.json()) as Record<string, unknown>;
}

/** The first `count` lines of a stream, which is left then. */
async function lines(path: string, body: unknown, count: number): Promise<unknown[]> {
  const abort = new AbortController();
  const response = await post(path, body, { signal: abort.signal });
  let text = "";
  for await (const part of response.body!) {
    text += Buffer.from(part).toString();
    if (text.split("\n").length > count) break;
  }
  abort.abort();
  return text.split("\n", count).map((line) => JSON.parse(line));
}

/** Until so many stand in the queue of a lock. */
async function waiting(name: string, count: number): Promise<void> {
  const prefix = `${Buffer.from(name, "base64")}/`;
  const request = { key: base64(prefix), range_end: base64(`${prefix.slice(0, -1)}0`) };
  await expect
    .poll(async () => (await json("kv/range", { ...request, count_only: true })).count, {
      timeout: 10_000,
    })
    .toBe(String(count));
}

describe("the gateway", () => {
  test("writes, reads and watches", async () => {
    const put = await json("kv/put", { key: base64("a"), value: base64("1") });
    const { revision } = put.header as { revision: string };
    expect(revision).toMatch(/^\d+$/);
    const kv = {
      ...{ key: base64("a"), create_revision: revision, mod_revision: revision, version: "1" },
      value: base64("1"),
    };
    expect(await json("kv/range", { key: base64("a") })).toMatchObject({ kvs: [kv], count: "1" });
    const compare = [{ key: base64("a"), target: "MOD", mod_revision: revision }];
    const success = [{ request_delete_range: { key: base64("a") } }];
    expect(await json("kv/txn", { compare, success })).toMatchObject({
      succeeded: true,
      responses: [{ response_delete_range: { deleted: "1" } }],
    });
    const create = { create_request: { key: base64("a"), start_revision: revision } };
    const said = await lines("watch", create, 2);
    expect(said[0]).toMatchObject({ result: { created: true } });
    expect(said[1]).toMatchObject({
      result: { events: [{ kv }, { type: "DELETE", kv: { key: base64("a") } }] },
    });
  });

  test("keeps a lease alive", async () => {
    const { ID } = await json("lease/grant", { TTL: 60 });
    const alive = await post("lease/keepalive", { ID });
    expect(JSON.parse(await alive.text())).toMatchObject({ result: { ID, TTL: "60" } });
    expect(await json("lease/leases", {})).toMatchObject({ leases: [{ ID }] });
    await json("kv/lease/revoke", { ID });
  });

  test("locks, and waits for a lock", async () => {
    const name = base64("l");
    const { key } = await json("lock/lock", { name });
    const abort = new AbortController();
    const gone = post("lock/lock", { name }, { signal: abort.signal }).catch(() => "gone");
    await waiting(name, 2);
    abort.abort();
    expect(await gone).toBe("gone");
    await waiting(name, 1);
    const second = json("lock/lock", { name });
    await waiting(name, 2);
    await json("lock/unlock", { key });
    expect((await second).key).not.toBe(key);
  });

  test("gives long answers whole, and refuses those that are too long", async () => {
    const value = base64("x".repeat(1_000_000));
    for (let i = 0; i < 17; i++) await json("kv/put", { key: base64(`long${i + 10}`), value });
    const request = { key: base64("long"), range_end: base64("lonh") };
    const many = await json("kv/range", { ...request, limit: 12 });
    expect(many).toMatchObject({ more: true, count: "17" });
    expect((many.kvs as { value: string }[]).map((kv) => kv.value === value)).toEqual(
      Array(12).fill(true),
    );
    const all = await post("kv/range", request);
    expect(all.status).toBe(429);
    expect(await all.json()).toMatchObject({ code: 8 });
    await json("kv/deleterange", request);
  });

  test("says who may do what", async () => {
    await json("auth/user/add", { name: "root", password: "r" });
    await json("auth/user/grant", { user: "root", role: "root" });
    await json("auth/enable", {});
    const key = { key: base64("a") };
    const anonymous = await post("kv/range", key);
    expect(anonymous.status).toBe(400);
    expect(await anonymous.text()).toBe('{"code":3,"message":"etcdserver: user name is empty"}');
    const wrong = await post("kv/range", key, { headers: { Authorization: "x.1" } });
    expect(wrong.status).toBe(401);
    const { token } = await json("auth/authenticate", { name: "root", password: "r" });
    const headers = { Authorization: String(token) };
    expect((await post("kv/range", key, { headers })).status).toBe(200);
    expect((await post("auth/disable", {}, { headers })).status).toBe(200);
  });

  test("counts its calls among the others, and ends its streams when the node stops", async () => {
    const metrics = await (await fetch(`http://${node.endpoint}/metrics`)).text();
    const line = 'grpc_server_handled_total{grpc_code="OK",grpc_method="Authenticate"';
    expect(metrics).toContain(line);
    const watch = await post("watch", { create_request: { key: base64("a") } });
    await node.stop();
    expect(await watch.text()).toMatch(
      /"created":true\}\}\n\{"error":\{"code":14,"message":"etcdserver: server stopped"\}\}\n$/,
    );
  });
});

test("a node without --enable-grpc-gateway has no such pages", async () => {
  const other = await startKvorum("memory", { args: ["--enable-grpc-gateway=false"] });
  try {
    const answer = await fetch(`http://${other.endpoint}/v3/kv/range`, { method: "POST" });
    expect([answer.status, await answer.text()]).toEqual([404, "404 page not found\n"]);
  } finally {
    await other.stop();
  }
});
