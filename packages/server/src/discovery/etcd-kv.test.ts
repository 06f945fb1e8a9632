import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeClock } from "@kvorum/base/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseConfig } from "../config/parse-config.js";
import { type RunningNode, startNode } from "../host.js";
import { recordingLogger } from "../observe/testing/recording-logger.js";
import { EtcdKv, type EtcdKvOptions } from "./etcd-kv.js";
import { joinDiscovery } from "./join-discovery.js";

const START_MS = 20_000;
let directory: string;
let node: RunningNode;

/** A whole node on the memory engine, as the discovery service. */
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "kvorum-discovery-"));
  const peer = "http://127.0.0.1:1";
  const parsed = parseConfig({
    argv: [
      ...["--backend=memory", `--data-dir=${join(directory, "data")}`, "--log-level=error"],
      ...["--listen-peer-urls=http://127.0.0.1:0", `--initial-advertise-peer-urls=${peer}`],
      ...["--listen-client-urls=http://127.0.0.1:0", "--advertise-client-urls=http://127.0.0.1:2"],
      `--initial-cluster=default=${peer}`,
    ],
    env: {},
    readFile: (path) => readFileSync(path, "utf8"),
    defaultHost: undefined,
    runtime: { nodeVersion: "v20", platform: "linux", architecture: "x64" },
  });
  if (parsed.kind !== "run") throw new Error(JSON.stringify(parsed));
  const fail = (error: unknown) => {
    throw error;
  };
  node = await startNode({
    config: parsed.config,
    logger: recordingLogger(),
    commandLine: [],
    ...{ onFault: fail, onRemoved: () => {} },
  });
}, START_MS);

afterAll(async () => {
  await node?.stop();
  rmSync(directory, { recursive: true, force: true });
});

function kvOf(options: Partial<EtcdKvOptions> = {}): EtcdKv {
  return new EtcdKv({
    endpoints: [node.addresses[0]!],
    ...{ dialTimeoutMs: 2_000, requestTimeoutMs: 5_000, clock: nodeClock },
    ...{ tls: undefined, user: undefined },
    ...options,
  });
}

describe("the calls that discovery makes", () => {
  test("reads back what it wrote, by key and by prefix", async () => {
    const kv = kvOf();
    expect(await kv.get("/a/1")).toBe(undefined);
    await kv.put("/a/1", "one");
    await kv.put("/a/2", "zwei ä");
    await kv.put("/b", "other");
    await kv.put("/a/1", "eins");
    expect(await kv.get("/a/1")).toEqual({ key: "/a/1", value: "eins", createRevision: 2 });
    expect((await kv.list("/a/")).map(({ key, value }) => [key, value])).toEqual([
      ["/a/1", "eins"],
      ["/a/2", "zwei ä"],
    ]);
    kv.close();
  });

  test("an endpoint with a scheme will do, and one that is down is passed over", async () => {
    const kv = kvOf({ endpoints: ["127.0.0.1:1", `http://${node.addresses[0]}`] });
    await kv.put("/c", "there");
    expect((await kv.get("/c"))?.value).toBe("there");
    kv.close();
  });

  test("what the service refuses is told in its words", async () => {
    const kv = kvOf();
    await expect(kv.put("", "nowhere")).rejects.toThrow("etcdserver: key is not provided");
    kv.close();
  });

  test("nobody there, and somebody who never answers", async () => {
    const down = kvOf({ endpoints: ["127.0.0.1:1"] });
    await expect(down.get("/a")).rejects.toThrow("ECONNREFUSED");
    down.close();
    const mute = createServer(() => {});
    await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
    const address = mute.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const silent = kvOf({ endpoints: [`127.0.0.1:${address.port}`], requestTimeoutMs: 100 });
    await expect(silent.get("/a")).rejects.toThrow("context deadline exceeded");
    silent.close();
    mute.close();
  });
});

test("three founders find each other through a running node", async () => {
  const kv = kvOf();
  await kv.put("/_etcd/registry/tok/_config/size", "3");
  const found = await Promise.all(
    [1n, 2n, 3n].map((id) => {
      const self = `m${id}=http://10.0.0.${id}:2380`;
      const logger = recordingLogger();
      return joinDiscovery({ kv, token: "tok", id, self, clock: nodeClock, logger });
    }),
  );
  expect(new Set(found).size).toBe(1);
  expect(found[0]!.split(",").sort()).toEqual([
    "m1=http://10.0.0.1:2380",
    "m2=http://10.0.0.2:2380",
    "m3=http://10.0.0.3:2380",
  ]);
  kv.close();
});
