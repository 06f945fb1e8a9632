import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClientReadableStream, ServiceError } from "@grpc/grpc-js";
import type { v3electionpb } from "@kvorum/api";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type EmbeddedServer, startEmbedded } from "../embed.js";
import { RecipeClient } from "./testing/recipe-client.js";

let directory: string;
let server: EmbeddedServer;
let client: RecipeClient;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "kvorum-election-"));
  server = await startEmbedded({ dataDir: join(directory, "data"), backend: "memory" });
  client = new RecipeClient(server.endpoints[0]!);
});
afterEach(async () => {
  client.close();
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

type Observing = ClientReadableStream<v3electionpb.LeaderResponse>;

/** Resolves to the next `count` values of an Observe. */
async function values(stream: Observing, count: number): Promise<string[]> {
  const found: string[] = [];
  for await (const { kv } of stream.iterator({ destroyOnReturn: false })) {
    found.push(Buffer.from((kv as v3electionpb.LeaderResponse["kv"])!.value).toString());
    if (found.length === count) break;
  }
  return found;
}

test("candidates lead one after the other, and who observes sees each of them", async () => {
  const observing = client.observe();
  const first = await client.campaign(await client.grant(), "first");
  expect(await values(observing, 1)).toEqual(["first"]);
  const [lease, third] = [await client.grant(), await client.grant()];
  const second = client.campaign(lease, "second");
  await client.until(`e/${lease.toString(16)}`, true);
  const last = client.campaign(third, "third");
  await client.until(`e/${third.toString(16)}`, true);
  await client.proclaim(first, "proclaimed");
  expect(await values(observing, 1)).toEqual(["proclaimed"]);
  await client.resign(first);
  expect((await second).lease).toBe(lease);
  expect(await values(observing, 1)).toEqual(["second"]);
  await client.revoke(lease);
  expect((await last).lease).toBe(third);
  expect(await values(observing, 1)).toEqual(["third"]);
  await expect(client.proclaim(first, "too late")).rejects.toMatchObject({
    code: 2,
    details: "election: not leader",
  });
  await client.resign(first);
  expect((await client.leader()).toString()).toBe("third");
  observing.on("error", () => {});
  observing.cancel();
});

test("who observes slowly is told of the newest leader all the same", async () => {
  const observing = client.observe();
  const leader = await client.campaign(await client.grant(), "0");
  const filler = "x".repeat(100_000);
  for (let i = 1; i <= 40; i++) await client.proclaim(leader, `${i} ${filler}`);
  await client.proclaim(leader, "newest");
  for await (const { kv } of observing as AsyncIterable<v3electionpb.LeaderResponse>) {
    if (Buffer.from(kv!.value).toString() === "newest") return;
  }
  expect.unreachable("the stream ended");
});

test("a value of a megabyte is proclaimed and read", async () => {
  const value = Buffer.alloc(1_000_000, 7);
  await client.campaign(await client.grant(), value);
  expect((await client.leader()).equals(value)).toBe(true);
});

test("a candidate who gives up leaves no key behind", async () => {
  const lease = await client.grant();
  await client.campaign(await client.grant(), "leads");
  const abort = new AbortController();
  const given = client.campaign(lease, "waits", { signal: abort.signal });
  const refused = expect(given).rejects.toMatchObject({ code: 1 });
  await client.until(`e/${lease.toString(16)}`, true);
  abort.abort();
  await refused;
  await client.until(`e/${lease.toString(16)}`, false);
});

test("a member that stops ends those who wait and those who observe", async () => {
  const observing = client.observe();
  const ended = new Promise<ServiceError>((resolve) => observing.on("error", resolve));
  observing.on("data", () => {});
  const lease = await client.grant();
  await client.campaign(await client.grant(), "leads");
  const stopped = { code: 14, details: "etcdserver: server stopped" };
  const refused = expect(client.campaign(lease, "waits")).rejects.toMatchObject(stopped);
  await client.until(`e/${lease.toString(16)}`, true);
  await server.stop();
  await refused;
  expect(await ended).toMatchObject(stopped);
});
