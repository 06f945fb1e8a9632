import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import {
  findEtcd,
  launchKvorum,
  type ServerProcess,
  scratchDirectory,
  startEtcd,
  startKvorum,
} from "../support/processes.js";
import { kv, put, Rpc, range } from "../support/rpc.js";
import { testUnless } from "../support/skip.js";

/** The data directory of one program given to the other: refused, and as good as before. */

const etcd = findEtcd();
const needsEtcd = testUnless(etcd === undefined ? "no etcd on PATH" : undefined);
const KEY = Buffer.from("key");
const VALUE = "value";

async function writeAndStop(server: ServerProcess): Promise<void> {
  const rpc = new Rpc(server.endpoint);
  await rpc.call(kv.put, put({ key: KEY, value: Buffer.from(VALUE) }));
  rpc.close();
  await server.stop();
}

async function expectValue(server: ServerProcess): Promise<void> {
  const rpc = new Rpc(server.endpoint);
  try {
    const { kvs } = await rpc.call(kv.range, range({ key: KEY }));
    expect(kvs.map(({ value }) => String(value))).toEqual([VALUE]);
  } finally {
    rpc.close();
    await server.stop();
  }
}

/** Every file below `directory` with its bytes. */
function contentOf(directory: string): Map<string, string> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true });
  return new Map(
    files
      .filter((file) => file.isFile())
      .map((file) => join(file.parentPath, file.name))
      .sort()
      .map((path) => [path, readFileSync(path).toString("base64")]),
  );
}

describe("a data directory", () => {
  for (const engine of ["lmdb", "leveldb", "sqlite"]) {
    needsEtcd(`of Kvorum on ${engine} is refused by etcd`, async () => {
      const dataDir = join(scratchDirectory("foreign"), "data");
      await writeAndStop(await startKvorum(engine, { dataDir }));
      const before = contentOf(dataDir);
      const refused = startEtcd(etcd!, { dataDir });
      await expect(refused).rejects.toThrow("invalid database");
      await expect(refused).rejects.toThrow(join(dataDir, "member", "snap", "db"));
      expect(contentOf(dataDir)).toEqual(before);
      expect(readFileSync(join(dataDir, "member", "snap", "db"), "utf8")).toContain(
        "kvorumctl snapshot save FILE",
      );
      await expectValue(await startKvorum(engine, { dataDir }));
    });
  }

  needsEtcd("of etcd is refused by Kvorum", async () => {
    const dataDir = join(scratchDirectory("foreign"), "data");
    await writeAndStop(await startEtcd(etcd!, { dataDir }));
    const before = contentOf(dataDir);
    const node = await launchKvorum("lmdb", { dataDir });
    expect(await node.exited).toBe(1);
    expect(node.log()).toContain("is the data directory of an etcd member");
    expect(node.log()).toContain("kvorumutl snapshot restore FILE --backend lmdb --data-dir DIR");
    expect(contentOf(dataDir)).toEqual(before);
    await expectValue(await startEtcd(etcd!, { dataDir }));
  });
});
