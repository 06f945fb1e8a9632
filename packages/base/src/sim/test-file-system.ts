import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { FileSystem } from "../file-system.js";

export interface SuiteContext {
  readonly fs: FileSystem;
  /** Empty, and the test's own. */
  readonly directory: string;
  cleanUp(): Promise<void>;
}

/** What every file system does, whether real or simulated. For tests only. */
export function fileSystemSuite(name: string, create: () => Promise<SuiteContext>): void {
  describe(name, () => {
    let context: SuiteContext;
    let fs: FileSystem;
    const at = (path: string) => join(context.directory, path);
    const codeOf = (promise: Promise<unknown>): Promise<string> =>
      promise.then(
        () => "resolved",
        (error: NodeJS.ErrnoException) => error.code ?? String(error),
      );

    beforeEach(async () => {
      context = await create();
      fs = context.fs;
    });
    afterEach(() => context.cleanUp());

    test("writes at positions, reads back, reads short at the end", async () => {
      const file = await fs.open(at("file"), "create");
      expect(file.path).toBe(at("file"));
      await file.write(Buffer.from("world"), 6);
      await file.write(Buffer.from("hello"), 0);
      const into = Buffer.alloc(20, "-");
      expect(await file.read(into, 2)).toBe(9);
      expect(into.toString("latin1")).toBe("llo\0world-----------");
      expect(await file.read(into, 11)).toBe(0);
      expect(await file.sizeBytes()).toBe(11);
      await file.sync();
      await file.close();
      expect((await fs.readFile(at("file"))).toString("latin1")).toBe("hello\0world");
    });

    test("writes across many pages and reads any part", async () => {
      const content = Buffer.from(sequence(30_000));
      const file = await fs.open(at("file"), "create-durable");
      await file.write(content.subarray(0, 10_001), 0);
      await file.write(content.subarray(10_001), 10_001);
      const into = Buffer.alloc(9_000);
      expect(await file.read(into, 4_000)).toBe(9_000);
      expect(into.equals(content.subarray(4_000, 13_000))).toBe(true);
      await file.close();
    });

    test("truncates to a shorter and to a longer size, with zeros", async () => {
      await fs.writeFile(at("file"), Buffer.alloc(10_000, "x"));
      const file = await fs.open(at("file"), "read-write-durable");
      await file.truncate(4_100);
      await file.truncate(12_000);
      await file.close();
      const expected = Buffer.alloc(12_000).fill("x", 0, 4_100);
      expect((await fs.readFile(at("file"))).equals(expected)).toBe(true);
    });

    test("open modes say what must be there and what may be done", async () => {
      expect(await codeOf(fs.open(at("file"), "read"))).toBe("ENOENT");
      expect(await codeOf(fs.open(at("file"), "read-write-durable"))).toBe("ENOENT");
      await (await fs.open(at("file"), "create-durable")).close();
      expect(await codeOf(fs.open(at("file"), "create"))).toBe("EEXIST");
      const file = await fs.open(at("file"), "read");
      expect(await codeOf(file.write(Buffer.from("x"), 0))).toBe("EBADF");
      await file.close();
    });

    test("replaces whole files", async () => {
      await fs.writeFile(at("file"), Buffer.from("a longer text"));
      await fs.writeFile(at("file"), Buffer.from("short"));
      expect((await fs.readFile(at("file"))).toString()).toBe("short");
      expect(await codeOf(fs.readFile(at("none")))).toBe("ENOENT");
    });

    test("makes directories with their parents, lists names sorted", async () => {
      await fs.makeDirectory(at("a/b/c"));
      await fs.makeDirectory(at("a/b/c"));
      await fs.writeFile(at("a/z"), Buffer.from("1"));
      await fs.writeFile(at("a/Y"), Buffer.from("22"));
      await fs.syncDirectory(at("a"));
      expect(await fs.list(at("a"))).toEqual(["Y", "b", "z"]);
      expect(await codeOf(fs.list(at("none")))).toBe("ENOENT");
      expect(await fs.stat(at("a"))).toMatchObject({ isDirectory: true });
      expect(await fs.stat(at("a/Y"))).toMatchObject({ isDirectory: false, sizeBytes: 2 });
      expect(await fs.stat(at("a/none"))).toBeUndefined();
      expect(await fs.stat(at("a/z/below-a-file"))).toBeUndefined();
    });

    test("renames over a file, and a directory with its content", async () => {
      await fs.writeFile(at("old"), Buffer.from("old"));
      await fs.writeFile(at("new"), Buffer.from("new"));
      await fs.rename(at("new"), at("old"));
      expect((await fs.readFile(at("old"))).toString()).toBe("new");
      expect(await codeOf(fs.rename(at("new"), at("x")))).toBe("ENOENT");
      await fs.makeDirectory(at("d.tmp"));
      const file = await fs.open(at("d.tmp/file"), "create");
      await fs.rename(at("d.tmp"), at("d"));
      await file.write(Buffer.from("still open"), 0);
      await file.close();
      expect((await fs.readFile(at("d/file"))).toString()).toBe("still open");
      await fs.makeDirectory(at("e"));
      expect(await codeOf(fs.rename(at("e"), at("d")))).toBe("ENOTEMPTY");
    });

    test("removes files, and directories only when asked", async () => {
      await fs.makeDirectory(at("a/b"));
      await fs.writeFile(at("a/b/file"), Buffer.from("x"));
      expect(await codeOf(fs.remove(at("a")))).not.toBe("resolved");
      expect(await codeOf(fs.remove(at("none")))).toBe("ENOENT");
      await fs.remove(at("a/b/file"));
      expect(await fs.list(at("a/b"))).toEqual([]);
      await fs.remove(at("a"), { recursive: true });
      expect(await fs.stat(at("a"))).toBeUndefined();
    });
  });
}

function sequence(length: number): number[] {
  return Array.from({ length }, (_, i) => (i * 7) & 0xff);
}
