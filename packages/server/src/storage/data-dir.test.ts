import { MemoryFileSystem } from "@kvorum/base";
import { beforeEach, describe, expect, test } from "vitest";
import { openDataDir } from "./data-dir.js";
import { createWal } from "./wal/test-support.js";

const DATA_DIR = "/data";
const ENGINE_FILE = "/data/member/engine.json";

/** The engine that owns the directory; undefined when none does yet. */
async function ownerIn(fs: MemoryFileSystem): Promise<string | undefined> {
  if ((await fs.stat(ENGINE_FILE)) === undefined) return undefined;
  const content = JSON.parse((await fs.readFile(ENGINE_FILE)).toString()) as { engine: string };
  return content.engine;
}

describe("openDataDir", () => {
  let fs: MemoryFileSystem;
  let locks: string[];

  const open = (engine: string, walDir?: string) =>
    openDataDir({
      ...{ fs, dataDir: DATA_DIR, engine, walDir },
      async lock(directory) {
        locks.push(`lock ${directory}`);
        return { release: async () => void locks.push("release") };
      },
    });

  beforeEach(() => {
    fs = new MemoryFileSystem();
    locks = [];
  });

  test("makes the directories, names the engine and holds the lock", async () => {
    const dataDir = await open("lmdb");
    expect(dataDir).toMatchObject({
      memberDirectory: "/data/member",
      engineDirectory: "/data/member/db",
      walDirectory: "/data/member/wal",
      snapDirectory: "/data/member/snap",
      hasWal: false,
    });
    expect(await fs.list("/data/member")).toEqual(["db", "engine.json", "snap"]);
    const text = (await fs.readFile(ENGINE_FILE)).toString();
    expect(text).toBe('{"engine":"lmdb","version":1}\n');
    expect(await fs.list("/data/member/snap")).toEqual(["db"]);
    expect(locks).toEqual(["lock /data/member"]);
    await dataDir.release();
    expect(locks).toEqual(["lock /data/member", "release"]);
  });

  test("opens again with the same engine, and knows that a log is there", async () => {
    await open("lmdb");
    await (await createWal(fs)).close();
    expect((await open("lmdb")).hasWal).toBe(true);
    expect(await ownerIn(fs)).toBe("lmdb");
  });

  test("says what to do about a place that can't be used", async () => {
    await fs.writeFile(DATA_DIR, Buffer.from("a file"));
    await expect(open("lmdb")).rejects.toThrow(
      /^cannot prepare the data directory \/data: ENOTDIR.*: name another place$/,
    );
    await fs.remove(DATA_DIR);
    fs.inject({ operation: "makeDirectory", code: "EACCES" });
    await expect(open("lmdb")).rejects.toThrow(/^cannot prepare .* EACCES.*; let the user/);
  });

  test("refuses another engine, names both and says how to migrate", async () => {
    await open("lmdb");
    const refused = open("sqlite");
    await expect(refused).rejects.toMatchObject({ code: "WRONG_ENGINE" });
    await expect(refused).rejects.toThrow(
      /"lmdb".*"sqlite".*kvorumctl snapshot save.*kvorumutl snapshot restore FILE --backend sqlite/,
    );
    expect(locks.at(-1)).toBe("release");
    expect(await ownerIn(fs)).toBe("lmdb");
  });

  test("refuses the directory of a real etcd before anything is made or locked", async () => {
    await fs.makeDirectory("/data/member/snap");
    await fs.writeFile("/data/member/snap/db", Buffer.from("bbolt"));
    const refused = open("leveldb");
    await expect(refused).rejects.toMatchObject({ code: "FOREIGN_DATA" });
    await expect(refused).rejects.toThrow(/etcdctl snapshot save.*restore FILE --backend leveldb/);
    expect(await fs.list("/data/member")).toEqual(["snap"]);
    expect(locks).toEqual([]);
  });

  test.each([
    ["", "FOREIGN_DATA"],
    ["This is the data directory of a K", "FOREIGN_DATA"],
    ["This is the data directory of a Kvorum member.", undefined],
    [`This is the data directory of a Kvorum member${"\0".repeat(8192)}`, "FOREIGN_DATA"],
  ])("tells a text of its own from a database: %j", async (text, code) => {
    await fs.makeDirectory("/data/member/snap");
    await fs.writeFile("/data/member/snap/db", Buffer.from(text));
    const found = await open("lmdb").then(
      () => undefined,
      (error: { code: string }) => error.code,
    );
    expect(found).toBe(code);
    expect((await fs.readFile("/data/member/snap/db")).toString()).toBe(text);
  });

  test("keeps etcd out of a directory that an earlier release has made", async () => {
    await open("lmdb");
    await fs.remove("/data/member/snap/db");
    await open("lmdb");
    const text = (await fs.readFile("/data/member/snap/db")).toString();
    expect(text).toContain("etcdutl snapshot restore FILE --data-dir DIR");
  });

  test("refuses a log without an engine file", async () => {
    await fs.makeDirectory("/data/member");
    await (await createWal(fs)).close();
    await expect(open("lmdb")).rejects.toThrow(/engine.json is missing/);
  });

  test("a separate directory for the log is found, its parent made", async () => {
    const { walDirectory, hasWal } = await open("lmdb", "/fast/kvorum/wal");
    expect({ walDirectory, hasWal }).toEqual({ walDirectory: "/fast/kvorum/wal", hasWal: false });
    expect(await fs.list("/fast/kvorum")).toEqual([]);
  });

  for (const [name, text] of [
    ["no JSON", "lmdb"],
    ["another version", '{"engine":"lmdb","version":2}'],
    ["no engine", '{"version":1}'],
  ] as const) {
    test(`refuses an engine file with ${name}`, async () => {
      await fs.makeDirectory("/data/member");
      await fs.writeFile(ENGINE_FILE, Buffer.from(text));
      await expect(open("lmdb")).rejects.toMatchObject({
        code: "CORRUPT",
        path: ENGINE_FILE,
      });
    });
  }

  test("a start cut short by power loss is simply made again", async () => {
    for (let seed = 1; seed < 30; seed++) {
      const disk = new MemoryFileSystem({ seed });
      fs = disk;
      let isOpen = false;
      const opening = open("lmdb").then(
        () => {
          isOpen = true;
        },
        () => undefined,
      );
      for (let turns = seed; turns > 0; turns--) await Promise.resolve();
      const wasOpen = isOpen;
      fs = disk.crash("tear");
      await opening;
      const owner = await ownerIn(fs);
      if (wasOpen) expect(owner).toBe("lmdb");
      await open(owner ?? "sqlite");
    }
  });
});
