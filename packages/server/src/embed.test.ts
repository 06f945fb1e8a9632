import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, credentials } from "@grpc/grpc-js";
import { etcdserverpb } from "@kvorum/api";
import { afterEach, expect, test } from "vitest";
import { startEmbedded } from "./embed.js";

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "kvorum-embed-"));
  directories.push(directory);
  return join(directory, "data");
}

/** Puts, then reads back what a foreign client sees. */
async function roundTrip(endpoint: string, value: string): Promise<string> {
  const { PutRequest, PutResponse, RangeRequest, RangeResponse } = etcdserverpb;
  const client = new Client(endpoint, credentials.createInsecure());
  const call = <Request, Response>(
    path: string,
    encode: (request: Request) => Uint8Array,
    decode: (bytes: Uint8Array) => Response,
    request: Request,
  ) =>
    new Promise<Response>((resolve, reject) => {
      client.makeUnaryRequest(
        path,
        (message: Request) => Buffer.from(encode(message)),
        decode,
        request,
        (error, response) => (error ? reject(error) : resolve(response as Response)),
      );
    });
  try {
    const empty = new Uint8Array(0);
    const key = Buffer.from("k");
    await call(
      "/etcdserverpb.KV/Put",
      (request: etcdserverpb.PutRequest) => PutRequest.encode(request).finish(),
      (bytes) => PutResponse.decode(bytes),
      { ...PutRequest.decode(empty), key, value: Buffer.from(value) },
    );
    const found = await call(
      "/etcdserverpb.KV/Range",
      (request: etcdserverpb.RangeRequest) => RangeRequest.encode(request).finish(),
      (bytes) => RangeResponse.decode(bytes),
      { ...RangeRequest.decode(empty), key },
    );
    return Buffer.from(found.kvs[0]?.value ?? empty).toString();
  } finally {
    client.close();
  }
}

test("a secret among the flags is not shown to whoever reaches the port", async () => {
  const flags = { "discovery-password": "pw1", "discovery-user": "u:pw2" };
  const server = await startEmbedded({ dataDir: scratch(), backend: "memory", flags });
  try {
    const page = await (await fetch(`http://${server.endpoints[0]}/debug/vars`)).text();
    expect(page).toContain("--discovery-password=(hidden)");
    expect(page).not.toMatch(/pw[12]/);
  } finally {
    await server.stop();
  }
});

test("two servers run side by side in one process and stop cleanly", async () => {
  const lines: string[] = [];
  const first = await startEmbedded({
    dataDir: scratch(),
    backend: "memory",
    onLogLine: (line) => lines.push(line),
  });
  const second = await startEmbedded({ dataDir: scratch(), backend: "leveldb" });
  expect(await roundTrip(first.endpoints[0]!, "one")).toBe("one");
  expect(await roundTrip(second.endpoints[0]!, "two")).toBe("two");
  expect(lines.some((line) => line.includes("ready to serve client requests"))).toBe(true);
  await Promise.all([first.stop(), second.stop()]);
  await first.stop();
});

test("what was put is there after a stop and a start", async () => {
  const dataDir = scratch();
  const first = await startEmbedded({ dataDir, backend: "sqlite" });
  await roundTrip(first.endpoints[0]!, "kept");
  await first.stop();
  const again = await startEmbedded({ dataDir, backend: "sqlite" });
  expect(await roundTrip(again.endpoints[0]!, "new")).toBe("new");
  await again.stop();
});

test("a wrong flag is named", async () => {
  const flags = { "heartbeat-interval": "many" };
  await expect(startEmbedded({ dataDir: scratch(), flags })).rejects.toThrow(/heartbeat-interval/);
});
