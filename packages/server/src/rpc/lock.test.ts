import { mkdtempSync, rmSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { v3lockpb } from "@kvorum/api";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type EmbeddedServer, startEmbedded } from "../embed.js";
import { RecipeClient } from "./testing/recipe-client.js";

const CLIENTS = 10;
const ROUNDS = 3;

const directory = mkdtempSync(join(tmpdir(), "kvorum-lock-"));
let server: EmbeddedServer;
const clients: RecipeClient[] = [];

function connect(to = server): RecipeClient {
  const client = new RecipeClient(to.endpoints[0]!);
  clients.push(client);
  return client;
}

beforeAll(async () => {
  server = await startEmbedded({ dataDir: join(directory, "data"), backend: "memory" });
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});
afterAll(async () => {
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** Asks for a lock on a connection that `cut` breaks off. */
function askRaw(name: string, lease: bigint): { cut(): void } {
  const session = connectHttp2(`http://${server.endpoints[0]}`);
  const stream = session.request({
    ...{ ":method": "POST", ":path": "/v3lockpb.Lock/Lock" },
    ...{ "content-type": "application/grpc", te: "trailers" },
  });
  for (const source of [session, stream]) source.on("error", () => {});
  const message = v3lockpb.LockRequest.encode({ name: Buffer.from(name), lease }).finish();
  const prefix = Buffer.from([0, 0, 0, 0, message.length]);
  stream.end(Buffer.concat([prefix, message]));
  return { cut: () => session.destroy() };
}

/** What the metrics page says of a family without labels. */
async function figure(name: string): Promise<number> {
  const page = await (await fetch(`http://${server.endpoints[0]}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(page)?.[1]);
}

test("only one of many clients holds a lock at a time", async () => {
  await connect().put("count", "0");
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      const client = connect();
      const lease = await client.grant();
      for (let round = 0; round < ROUNDS; round++) {
        const key = await client.lock("mutex", lease);
        const before = Number(await client.get("count"));
        await client.put("count", String(before + 1));
        await client.unlock(key);
      }
    }),
  );
  expect(Number(await connect().get("count"))).toBe(CLIENTS * ROUNDS);
  expect(await figure("etcd_debugging_mvcc_watcher_total")).toBe(0);
  expect(await figure("etcd_debugging_mvcc_watch_stream_total")).toBe(0);
});

test("the lock goes on in the order of arrival", async () => {
  const client = connect();
  const first = await client.lock("fair", await client.grant());
  const order: number[] = [];
  const waiting: Promise<void>[] = [];
  for (let i = 0; i < CLIENTS; i++) {
    const lease = await client.grant();
    const own = client.lock("fair", lease).then((key) => {
      order.push(i);
      return client.unlock(key);
    });
    waiting.push(own);
    await client.until(`fair/${lease.toString(16)}`, true);
  }
  expect(order).toEqual([]);
  await client.unlock(first);
  await Promise.all(waiting);
  expect(order).toEqual(Array.from({ length: CLIENTS }, (_, i) => i));
});

test("who brings no lease is given one of a minute", async () => {
  const client = connect();
  const key = await client.lock("leased", 0n);
  const [, id] = /^leased\/([0-9a-f]+)$/.exec(key)!;
  expect(await client.grantedTtl(BigInt(`0x${id}`))).toBe(60);
});

test("a lease that runs out hands the lock on", async () => {
  const client = connect();
  const short = await client.lock("expiring", await client.grant(1));
  const next = await client.lock("expiring", await client.grant());
  expect(next).not.toBe(short);
  expect(await client.get(short)).toBe(undefined);
});

describe("a key is left behind by nobody who gave up waiting", () => {
  test("by a cancel, a deadline, or a connection that went away", async () => {
    const client = connect();
    const holder = await client.lock("busy", await client.grant());
    const leases = [await client.grant(), await client.grant(), await client.grant()];
    const [cancelled, late, gone] = leases.map((lease) => `busy/${lease.toString(16)}`);
    const abort = new AbortController();
    const outcomes = [
      client.lock("busy", leases[0]!, { signal: abort.signal }),
      client.lock("busy", leases[1]!, { deadlineMs: 1_000 }),
    ].map((call) => call.catch(({ code }: { code: number }) => code));
    const other = askRaw("busy", leases[2]!);
    for (const key of [cancelled!, gone!]) await client.until(key, true);
    abort.abort();
    other.cut();
    expect(await Promise.all(outcomes)).toEqual([1, 4]);
    for (const key of [cancelled!, late!, gone!]) await client.until(key, false);
    expect(await client.get(holder)).toBeDefined();
    expect(await figure("etcd_debugging_mvcc_watcher_total")).toBe(0);
  });

  test("by a member that stops, which does not wait for the lock", async () => {
    const options = { dataDir: join(directory, "stopping"), backend: "lmdb" };
    const stopping = await startEmbedded(options);
    const client = connect(stopping);
    const [held, waiting] = [await client.grant(), await client.grant()];
    const holder = await client.lock("l", held);
    const refused = expect(client.lock("l", waiting)).rejects.toMatchObject({
      code: 14,
      details: "etcdserver: server stopped",
    });
    await client.until(`l/${waiting.toString(16)}`, true);
    await stopping.stop();
    await refused;
    const again = await startEmbedded(options);
    try {
      const after = connect(again);
      expect(await after.get(holder)).toBeDefined();
      expect(await after.get(`l/${waiting.toString(16)}`)).toBe(undefined);
    } finally {
      await again.stop();
    }
  });
});

test("a waiting call that ends leaves a place that the same lease has taken since", async () => {
  const client = connect();
  const [held, lease] = [await client.grant(), await client.grant()];
  const key = `again/${lease.toString(16)}`;
  const holder = await client.lock("again", held);
  const lost = expect(client.lock("again", lease)).rejects.toMatchObject({
    code: 2,
    details: "mutex: session is expired",
  });
  await client.until(key, true);
  await client.unlock(key);
  await client.unlock(holder);
  await lost;
  expect(await client.lock("again", lease)).toBe(key);
  expect(await client.get(key)).toBeDefined();
});
