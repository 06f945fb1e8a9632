import { connect } from "node:http2";
import { afterEach, describe, expect, test } from "vitest";
import { freePort, launchKvorum, type ServerProcess, startKvorum } from "../support/processes.js";
import { deleteRange, kv, put, Rpc, range } from "../support/rpc.js";

/** What a node does on SIGTERM and SIGINT, and what it says meanwhile. */

const PENDING = 200;

let nodes: ServerProcess[] = [];
afterEach(async () => {
  await Promise.all(nodes.map((node) => node.stop("SIGKILL")));
  nodes = [];
});

async function start(engine: string, dataDir?: string): Promise<ServerProcess> {
  const node = await startKvorum(engine, {
    args: ["--log-level", "info"],
    ...(dataDir === undefined ? {} : { dataDir }),
  });
  nodes.push(node);
  return node;
}

/** The lines of a log as objects. Every line of it is one. */
function lines(node: ServerProcess): Record<string, unknown>[] {
  return node
    .log()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

const messages = (node: ServerProcess) => lines(node).map(({ msg }) => msg);

describe.each(["lmdb", "leveldb", "sqlite", "memory"])("on %s", (engine) => {
  test.each([
    ["SIGTERM", "terminated"],
    ["SIGINT", "interrupt"],
  ] as const)("%s ends a node gracefully, and then by itself", async (signal, goName) => {
    const node = await start(engine);
    const rpc = new Rpc(node.endpoint);
    const acknowledged: number[] = [];
    const pending = Array.from({ length: PENDING }, (_, i) =>
      rpc.call(kv.put, put({ key: Buffer.from(`k${i}`), value: Buffer.from(`${i}`) })).then(
        () => acknowledged.push(i),
        (error: { code: number }) => expect(error.code).toBe(14),
      ),
    );
    await Promise.race(pending);
    node.process.kill(signal);
    await Promise.all(pending);
    expect(await node.exited).toBe(null);
    expect(node.process.signalCode).toBe(signal);
    rpc.close();

    const stopping = lines(node).find(({ msg }) => msg === "received signal; shutting down");
    expect(stopping).toMatchObject({ level: "info", signal: goName });
    expect(messages(node)).toEqual(expect.arrayContaining(["closing etcd server"]));
    expect(messages(node).at(-1)).toBe("closed etcd server");
    expect(node.log()).not.toContain('"fatal"');

    const again = await start(engine, node.dataDir);
    const client = new Rpc(again.endpoint);
    const all = range({ key: Buffer.from("k"), rangeEnd: Buffer.from("l") });
    const { kvs } = await client.call(kv.range, all);
    client.close();
    const found = new Map(kvs.map((item) => [String(item.key), String(item.value)]));
    for (const i of acknowledged) expect(found.get(`k${i}`)).toBe(`${i}`);
    expect(acknowledged.length).toBeGreaterThan(0);
  });
});

test("a second signal ends a node at once that waits for its clients", async () => {
  const node = await start("memory");
  // A request whose end never comes holds up the graceful stop.
  const session = connect(`http://${node.endpoint}`);
  session.on("error", () => {});
  const request = session.request(
    { ":method": "POST", ":path": "/etcdserverpb.KV/Put", "content-type": "application/grpc" },
    { endStream: false },
  );
  request.on("error", () => {});
  await new Promise((resolve) => request.write(Buffer.from([0]), resolve));
  const rpc = new Rpc(node.endpoint);
  await rpc.call(kv.range, range({ key: Buffer.from("k") }));
  node.process.kill("SIGTERM");
  while (!node.log().includes("closing etcd server")) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  node.process.kill("SIGTERM");
  expect(await node.exited).toBe(null);
  expect(node.process.signalCode).toBe("SIGTERM");
  expect(messages(node)).not.toContain("closed etcd server");
  session.destroy();
  rpc.close();
});

test("a signal ends a node that still waits for the other members", async () => {
  const peer = `http://127.0.0.1:${await freePort()}`;
  const node = await launchKvorum("memory", {
    args: [
      ...["--log-level", "info", "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
      ...["--initial-cluster", `default=${peer},absent=http://127.0.0.1:${await freePort()}`],
    ],
  });
  nodes.push(node);
  const waits = "became pre-candidate";
  await expect.poll(() => node.log().includes(waits), { timeout: 30_000 }).toBe(true);
  node.process.kill("SIGTERM");
  expect(await node.exited).toBe(null);
  expect(node.process.signalCode).toBe("SIGTERM");
  expect(messages(node).at(-1)).toBe("received signal; shutting down");
});

test("a request that comes while a node stops is answered or refused, never dropped", async () => {
  const node = await start("memory");
  const rpc = new Rpc(node.endpoint);
  node.process.kill("SIGTERM");
  const outcomes = await Promise.all(
    Array.from({ length: 50 }, () =>
      rpc.call(kv.deleteRange, deleteRange({ key: Buffer.from("k") })).then(
        () => 0,
        (error: { code: number }) => error.code,
      ),
    ),
  );
  for (const code of outcomes) expect([0, 14]).toContain(code);
  expect(await node.exited).toBe(null);
  rpc.close();
});

test("the log tells as etcd's when a node serves, one JSON object a line", async () => {
  const node = await start("memory");
  const expected = [
    "published local member to cluster through raft",
    "ready to serve client requests",
    "serving client traffic insecurely; this is strongly discouraged!",
  ];
  for (const message of expected) expect(messages(node)).toContain(message);
  const order = expected.map((message) => messages(node).indexOf(message));
  expect(order).toEqual([...order].sort((a, b) => a - b));
  for (const line of lines(node)) {
    expect(line.level).toMatch(/^(debug|info|warn|error|fatal)$/);
    expect(line.ts).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(line.caller).toMatch(/^\S+\/\S+\.js:\d+$/);
    expect(typeof line.msg).toBe("string");
  }
  const serving = lines(node).find(({ msg }) => msg === expected[2]);
  expect(serving).toMatchObject({ traffic: "grpc+http", address: node.endpoint });

  await node.stop();
  const begin = ["configuring peer listeners", "starting an etcd server", "starting local member"];
  for (const message of begin) expect(messages(node)).toContain(message);
  const warnings = lines(node).filter(({ level }) => level !== "info" && level !== "debug");
  // As etcd's; a machine under load may add that something was slow.
  const known = /^(Running http and grpc|it isn't recommended to use default|simple token is not)/;
  const slow = /took too long|request stats/;
  const others = warnings.map(({ msg }) => String(msg)).filter((msg) => !slow.test(msg));
  expect(others.filter((msg) => !known.test(msg))).toEqual([]);
  expect(others.length).toBeGreaterThan(0);
});
