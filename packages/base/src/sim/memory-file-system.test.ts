import { beforeEach, describe, expect, test } from "vitest";
import { MemoryFileSystem } from "./memory-file-system.js";
import { SimulatedClock } from "./simulated-clock.js";
import { fileSystemSuite } from "./test-file-system.js";

fileSystemSuite("MemoryFileSystem", async () => ({
  fs: new MemoryFileSystem(),
  directory: "/",
  cleanUp: async () => undefined,
}));

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "resolved",
    (error: NodeJS.ErrnoException) => error.code ?? String(error),
  );
}

describe("power loss", () => {
  let fs: MemoryFileSystem;

  beforeEach(async () => {
    fs = new MemoryFileSystem({ seed: 7 });
    await fs.writeFile("/file", Buffer.alloc(4096, "a"));
    await fs.syncDirectory("/");
  });

  test("drops writes that were not synced, keeps those that were", async () => {
    const file = await fs.open("/file", "read-write");
    await file.write(Buffer.alloc(512, "b"), 0);
    await file.sync();
    await file.write(Buffer.alloc(512, "c"), 512);
    await file.write(Buffer.from("longer"), 4096);
    const found = await fs.crash("drop").readFile("/file");
    expect(found.length).toBe(4096);
    expect(found.toString("latin1", 510, 514)).toBe("bbaa");
  });

  test("keeps what a durable handle wrote, and nothing else", async () => {
    const plain = await fs.open("/file", "read-write");
    const durable = await fs.open("/file", "read-write-durable");
    await plain.write(Buffer.alloc(512, "p"), 0);
    await durable.write(Buffer.alloc(600, "d"), 4096);
    const found = await fs.crash("drop").readFile("/file");
    expect(found.length).toBe(4696);
    expect(found.toString("latin1", 0, 1)).toBe("a");
    expect(found.toString("latin1", 4695)).toBe("d");
  });

  test("tears by whole sectors, the same way for the same seed", async () => {
    const tear = async (seed: number): Promise<string> => {
      const disk = new MemoryFileSystem({ seed });
      await disk.writeFile("/file", Buffer.alloc(16 * 512, "a"));
      await disk.syncDirectory("/");
      const file = await disk.open("/file", "read-write-durable");
      const write = codeOf(file.write(Buffer.alloc(16 * 512, "b"), 0));
      const found = await disk.crash("tear").readFile("/file");
      expect(await write).toBe("ESHUTDOWN");
      const sectors = Array.from({ length: 16 }, (_, i) => found.subarray(i * 512, i * 512 + 512));
      for (const sector of sectors) expect(sector.every((byte) => byte === sector[0])).toBe(true);
      return sectors.map((sector) => String.fromCharCode(sector[0]!)).join("");
    };
    expect(await tear(3)).toMatch(/^(?=.*a)(?=.*b)[ab]{16}$/);
    expect(await tear(3)).toBe(await tear(3));
    expect(new Set(await Promise.all([1, 2, 3, 4, 5].map(tear))).size).toBeGreaterThan(1);
  });

  test("forgets names whose directory was not synced", async () => {
    await fs.writeFile("/new", Buffer.from("content"));
    await fs.rename("/file", "/moved");
    const dropped = fs.crash("drop");
    expect(await dropped.list("/")).toEqual(["file"]);
    await dropped.rename("/file", "/moved");
    await dropped.makeDirectory("/deep/er");
    await dropped.syncDirectory("/");
    const kept = dropped.crash("drop");
    expect(await kept.list("/")).toEqual(["deep", "moved"]);
    expect((await kept.readFile("/moved")).length).toBe(4096);
    expect(await kept.list("/deep")).toEqual([]);
  });

  test("a process that died alone loses nothing", async () => {
    const file = await fs.open("/file", "read-write");
    await file.write(Buffer.from("x"), 0);
    await fs.writeFile("/new", Buffer.from("content"));
    const found = fs.crash("keep");
    expect(await found.list("/")).toEqual(["file", "new"]);
    expect((await found.readFile("/file")).toString("latin1", 0, 2)).toBe("xa");
  });

  test("ends the old handles", async () => {
    const file = await fs.open("/file", "read-write");
    fs.crash("keep");
    expect(await codeOf(file.write(Buffer.from("x"), 0))).toBe("ESHUTDOWN");
    expect(await codeOf(fs.list("/"))).toBe("ESHUTDOWN");
  });
});

describe("injected faults", () => {
  test("hit the operation, path and turn that they name", async () => {
    const fs = new MemoryFileSystem();
    await fs.makeDirectory("/a");
    fs.inject({ operation: "write", code: "EIO", pathPart: "/a/", skip: 1, times: 2 });
    const results: string[] = [];
    for (let i = 0; i < 4; i++) {
      results.push(await codeOf(fs.writeFile("/other", Buffer.from("x"))));
      results.push(await codeOf(fs.writeFile("/a/file", Buffer.from("x"))));
    }
    expect(results.filter((_, i) => i % 2 === 0)).toEqual(Array(4).fill("resolved"));
    expect(results.filter((_, i) => i % 2 === 1)).toEqual(["resolved", "EIO", "EIO", "resolved"]);
  });

  test("a full medium takes what fits, and more once there is room", async () => {
    const fs = new MemoryFileSystem({ capacityBytes: 3 * 4096 });
    const file = await fs.open("/file", "create");
    await file.truncate(100 * 4096);
    expect(fs.occupiedBytes).toBe(0);
    expect(await codeOf(file.write(Buffer.alloc(5 * 4096, "x"), 0))).toBe("ENOSPC");
    expect(fs.occupiedBytes).toBe(3 * 4096);
    expect(await codeOf(file.write(Buffer.alloc(4096, "y"), 4096))).toBe("resolved");
    fs.setCapacity(10 * 4096);
    expect(await codeOf(file.write(Buffer.alloc(5 * 4096, "z"), 0))).toBe("resolved");
  });
});

test("operations take the clock's time when there is one", async () => {
  const clock = new SimulatedClock();
  const fs = new MemoryFileSystem({ clock, latencyMsMax: 10, seed: 1 });
  let settledAtMs = -1;
  void fs.makeDirectory("/a").then(() => {
    settledAtMs = clock.nowMs();
  });
  await clock.run(10);
  expect(settledAtMs).toBeGreaterThan(0);
  expect(settledAtMs).toBeLessThanOrEqual(10);
});
