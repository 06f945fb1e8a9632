import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createPrng } from "@kvorum/base";
import { nodeFileSystem } from "@kvorum/base/node";
import { crc32c } from "@node-rs/crc32";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkBoltFile } from "./check.js";
import { readBoltFile } from "./read.js";
import { snapshotStatus } from "./snapshot-status.js";
import { snapshotStream, snapshotStreamWithin } from "./snapshot-stream.js";
import { collectBytes, collectRecords, type Records, sourceOf, testSeed } from "./test-support.js";

const tools = findTools();
if (tools === undefined) {
  console.log("skipped: no etcd and etcdctl on PATH, and none named by KVORUM_TEST_ETCD");
}

/**
 * `etcd`, `etcdctl` and the tool that restores: KVORUM_TEST_ETCD names an etcd, the others stand
 * beside it. Up to 3.5 etcdctl restores, later only etcdutl does.
 */
function findTools(): { etcd: string; etcdctl: string; restorer: string } | undefined {
  const etcd = process.env.KVORUM_TEST_ETCD ?? "etcd";
  const sibling = (name: string): string => (etcd === "etcd" ? name : join(dirname(etcd), name));
  const runs = (command: string, argument: string): boolean => {
    try {
      execFileSync(command, [argument], { env: toolEnvironment(), stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  };
  const etcdctl = sibling("etcdctl");
  if (!runs(etcd, "--version") || !runs(etcdctl, "version")) return undefined;
  const etcdutl = sibling("etcdutl");
  return { etcd, etcdctl, restorer: runs(etcdutl, "version") ? etcdutl : etcdctl };
}

function toolEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: process.env.HOME, ETCDCTL_API: "3" };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** Revisions of a few thousand keys: transactions, tombstones, empty and large values. */
function randomHistory(seed: number): { records: Records; liveKeys: number; revision: number } {
  const prng = createPrng(seed);
  const records: Records = [];
  const live = new Map<string, { created: number; version: number }>();
  let main = 1;
  for (let i = 0; i < 6_000; i++) {
    main++;
    const names = new Set(
      Array.from({ length: 1 + prng.below(3) }, () => `key-${prng.below(900)}`),
    );
    for (const [sub, name] of [...names].entries()) {
      const old = live.get(name);
      if (old !== undefined && prng.below(6) === 0) {
        records.push([revisionKey(main, sub, "t"), field(1, Buffer.from(name))]);
        live.delete(name);
        continue;
      }
      const now = { created: old?.created ?? main, version: (old?.version ?? 0) + 1 };
      live.set(name, now);
      const value = Buffer.alloc(prng.below(300) === 0 ? prng.below(70_000) : prng.below(200), 120);
      const numbers = [now.created, main, now.version].flatMap((n, at) => [number(at + 2, n)]);
      const tail = value.length === 0 ? [] : [field(5, value)];
      const record = Buffer.concat([field(1, Buffer.from(name)), ...numbers, ...tail]);
      records.push([revisionKey(main, sub, ""), record]);
    }
  }
  return { records, liveKeys: live.size, revision: main };
}

function revisionKey(main: number, sub: number, mark: string): Buffer {
  const key = Buffer.alloc(17, "_");
  key.writeBigInt64BE(BigInt(main), 0);
  key.writeBigInt64BE(BigInt(sub), 9);
  return Buffer.concat([key, Buffer.from(mark)]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 0x80);
  }
}

function number(id: number, value: number): Buffer {
  return Buffer.concat([varint(id * 8), varint(value)]);
}

function field(id: number, bytes: Buffer): Buffer {
  return Buffer.concat([varint(id * 8 + 2), varint(bytes.length), bytes]);
}

const VALUE = Buffer.alloc(256, 118);

describe.skipIf(tools === undefined)("with a real etcd", () => {
  const history = randomHistory(testSeed());
  const directory = mkdtempSync(join(tmpdir(), "kvorum-boltfile-"));
  const written = join(directory, "written.snap");
  const saved = join(directory, "saved.snap");
  const dataDir = join(directory, "data");
  let etcd: ChildProcess | undefined;
  let endpoint = "";

  const etcdctl = (...words: string[]): string =>
    run(tools!.etcdctl, ["--endpoints", endpoint, ...words]);
  const run = (command: string, words: string[]): string =>
    execFileSync(command, words, {
      env: toolEnvironment(),
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });

  beforeAll(async () => {
    const source = sourceOf({ key: history.records });
    writeFileSync(written, await collectBytes(await snapshotStream(source)));
    run(tools!.restorer, ["snapshot", "restore", written, "--data-dir", dataDir]);
    endpoint = `http://127.0.0.1:${await freePort()}`;
    const peer = `http://127.0.0.1:${await freePort()}`;
    const words = ["--data-dir", dataDir, "--listen-peer-urls", peer];
    words.push("--listen-client-urls", endpoint, "--advertise-client-urls", endpoint);
    etcd = spawn(tools!.etcd, words, { env: toolEnvironment(), stdio: "ignore" });
    for (let attempt = 0; ; attempt++) {
      try {
        etcdctl("endpoint", "health");
        return;
      } catch (error) {
        if (attempt === 20) throw error;
      }
    }
  });

  afterAll(async () => {
    if (etcd !== undefined && etcd.exitCode === null) {
      const ended = new Promise((resolve) => etcd!.once("exit", resolve));
      etcd.kill("SIGTERM");
      await ended;
    }
    rmSync(directory, { recursive: true, force: true });
  });

  test("status of a written snapshot is what its tool says", async () => {
    const told = JSON.parse(run(tools!.restorer, ["snapshot", "status", written, "-w", "json"]));
    const file = await nodeFileSystem.open(written, "read");
    const status = await snapshotStatus(file);
    await file.close();
    expect(status).toMatchObject({ revision: history.revision, totalKey: history.liveKeys });
    expect([told.revision, told.totalSize]).toEqual([status.revision, status.totalSize]);
    // Before 3.6 the hash was taken alike, but records and not live keys were counted.
    expect(told.hash).toBe(status.hash);
  });

  test("status and restore accept the free pages of one whose length was said in advance", async () => {
    const key = Array.from({ length: 60_000 }, (_, i): [Buffer, Buffer] => {
      const numbers = [2, 3].map((id) => number(id, i + 2));
      const name = field(1, Buffer.from(`key-${i}`));
      return [revisionKey(i + 2, 0, ""), Buffer.concat([name, ...numbers, field(5, VALUE)])];
    });
    const bytes = key.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
    const classes = [{ atMostBytes: 320, count: key.length, bytes }];
    const stream = await snapshotStreamWithin(sourceOf({ key }), {
      ...{ bucket: "key", keyBytesMax: 18, classes },
    });
    const path = join(directory, "within.snap");
    writeFileSync(path, await collectBytes(stream!));
    const file = await nodeFileSystem.open(path, "read");
    expect((await checkBoltFile(file)).freePages).toBeGreaterThan(0);
    const status = await snapshotStatus(file);
    await file.close();
    const told = JSON.parse(run(tools!.restorer, ["snapshot", "status", path, "-w", "json"]));
    expect([told.revision, told.totalSize]).toEqual([60_001, stream!.totalBytes - 32]);
    expect(told.hash).toBe(status.hash);
    run(tools!.restorer, ["snapshot", "restore", path, "--data-dir", join(directory, "within")]);
  });

  test("etcd boots from a written snapshot and computes the same HashKV", () => {
    const [answer] = JSON.parse(etcdctl("endpoint", "hashkv", "-w", "json"));
    const all = Buffer.concat([Buffer.from("key"), ...history.records.flat()]);
    expect(answer.HashKV.hash).toBe(crc32c(all));
    expect(answer.HashKV.header.revision).toBe(history.revision);
  });

  test("a snapshot that etcd saved after more writes is read", async () => {
    for (let i = 0; i < 30; i++) etcdctl("put", `more-${i}`, "x".repeat(i * 50));
    etcdctl("snapshot", "save", saved);
    const file = await nodeFileSystem.open(saved, "read");
    expect((await checkBoltFile(file)).problems).toEqual([]);
    const bolt = await readBoltFile(file);
    const records = await collectRecords(bolt.scan("key"));
    expect(records.slice(0, history.records.length)).toEqual(history.records);
    expect(records.length).toBe(history.records.length + 30);
    const status = await snapshotStatus(file);
    await file.close();
    const told = JSON.parse(run(tools!.restorer, ["snapshot", "status", saved, "-w", "json"]));
    expect(told.hash).toBe(status.hash);
    expect(status.totalKey).toBe(history.liveKeys + 30);
  });
});
