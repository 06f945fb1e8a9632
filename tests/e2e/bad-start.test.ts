import { spawn } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { launchKvorum, type ServerProcess, startKvorum } from "../support/processes.js";
import { kv, put, Rpc, range } from "../support/rpc.js";

/** Starts that can't succeed say why and change nothing; others are not disturbed. */

const KVORUM = fileURLToPath(new URL("../../packages/server/bin/kvorum.js", import.meta.url));
const SECTOR_BYTES = 512;

function runToEnd(args: readonly string[]): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(KVORUM, args, { stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, stderr })));
}

/** Starts a node that is expected to refuse; resolves with its last words. */
async function refusal(engine: string, dataDir: string, port?: number): Promise<string> {
  const node = await launchKvorum(engine, { dataDir, ...(port === undefined ? {} : { port }) });
  try {
    expect(await node.exited).toBe(1);
    return node.log();
  } finally {
    await node.stop("SIGKILL");
  }
}

async function write(node: ServerProcess, key: string, value: string): Promise<void> {
  const rpc = new Rpc(node.endpoint);
  await rpc.call(kv.put, put({ key: Buffer.from(key), value: Buffer.from(value) }));
  rpc.close();
}

async function read(node: ServerProcess, key: string): Promise<string | undefined> {
  const rpc = new Rpc(node.endpoint);
  const { kvs } = await rpc.call(kv.range, range({ key: Buffer.from(key) }));
  rpc.close();
  return kvs[0] === undefined ? undefined : String(kvs[0].value);
}

function segmentOf(dataDir: string): string {
  const directory = join(dataDir, "member", "wal");
  const name = readdirSync(directory).find((file) => file.endsWith(".wal"));
  return join(directory, name!);
}

describe("arguments", () => {
  test.each([
    [["--nope"], 2, "flag provided but not defined: -nope"],
    [["--listen-client-urls", "nonsense"], 2, "URL scheme must be http, https, unix, or unixs"],
    [["--election-timeout", "10"], 1, "election-timeout"],
    [["--config-file", "/nowhere/at/all"], 1, "/nowhere/at/all"],
    [["--backend", "paper"], 1, '--backend \\"paper\\" is no storage engine'],
    [["--log-level", "error", "--listen-client-urls", "http://127.0.0.1:1"], 1, "advertise"],
    [["--log-outputs", "/nowhere/at/all"], 1, '"failed to open the log","error":"--log-outputs: '],
  ])("%j end with a message", async (args, code, text) => {
    const outcome = await runToEnd(["--data-dir", "/nowhere/kvorum", ...args]);
    expect(outcome.stderr).toContain(text);
    expect(outcome.stderr).not.toContain("    at ");
    expect(outcome.code).toBe(code);
  });
});

describe.each(["lmdb", "leveldb", "sqlite", "memory"])("a data directory of %s", (engine) => {
  const another = engine === "lmdb" ? "sqlite" : "lmdb";

  test("belongs to one process, one engine and one address at a time", async () => {
    let node = await startKvorum(engine);
    try {
      await write(node, "k", "v");
      expect(await refusal(engine, node.dataDir)).toMatch(
        /"fatal".*another process uses this data directory/,
      );
      const port = Number(node.endpoint.split(":")[1]);
      expect(await refusal(engine, `${node.dataDir}-2`, port)).toMatch(
        /"fatal".*"listener failed".*EADDRINUSE/,
      );
      expect(await read(node, "k")).toBe("v");

      await node.stop();
      const message = await refusal(another, node.dataDir);
      expect(message).toContain(`holds data of the storage engine \\"${engine}\\"`);
      expect(message).toContain(`--backend ${engine}`);

      node = await startKvorum(engine, { dataDir: node.dataDir });
      expect(await read(node, "k")).toBe("v");
    } finally {
      await node.stop();
    }
  });
});

// Engines see nothing of the log; one that keeps its data and one that doesn't stand for all.
test.each(["lmdb", "memory"])(
  "a log of %s that is damaged in the middle is refused, and left as it is",
  async (engine) => {
    const node = await startKvorum(engine);
    for (let i = 0; i < 20; i++) await write(node, `k${i}`, "x".repeat(1_000));
    await node.stop();
    const segment = segmentOf(node.dataDir);
    const bytes = readFileSync(segment);
    const at = bytes.indexOf("k3");
    bytes[at] = bytes[at]! ^ 0xff;
    writeFileSync(segment, bytes);
    expect(await refusal(engine, node.dataDir)).toContain(segment);
    expect(readFileSync(segment).equals(bytes)).toBe(true);

    bytes[at] = bytes[at]! ^ 0xff;
    writeFileSync(segment, bytes);
    const healed = await startKvorum(engine, { dataDir: node.dataDir });
    try {
      expect(await read(healed, "k19")).toBe("x".repeat(1_000));
    } finally {
      await healed.stop();
    }
  },
);

test("a log whose last write is torn is repaired, with a line that says so", async () => {
  const node = await startKvorum("memory");
  await write(node, "whole", "v");
  await write(node, "torn", "t".repeat(8 * SECTOR_BYTES));
  await node.stop("SIGKILL");
  const segment = segmentOf(node.dataDir);
  const bytes = readFileSync(segment);
  // One sector inside the last record's value never reached the disk.
  const value = bytes.lastIndexOf("tttt") - 4 * SECTOR_BYTES;
  const sector = Math.ceil(value / SECTOR_BYTES) * SECTOR_BYTES;
  bytes.fill(0, sector, sector + SECTOR_BYTES);
  writeFileSync(segment, bytes);
  const again = await startKvorum("memory", { dataDir: node.dataDir });
  try {
    expect(again.log()).toContain("repaired a torn tail of the write-ahead log");
    expect(await read(again, "whole")).toBe("v");
    expect(await read(again, "torn")).toBe(undefined);
    await write(again, "torn", "anew");
    await again.stop("SIGKILL");
    const last = await startKvorum("memory", { dataDir: node.dataDir });
    expect(await read(last, "torn")).toBe("anew");
    await last.stop();
  } finally {
    await again.stop("SIGKILL");
  }
});
