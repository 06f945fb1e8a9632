import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { fileSystemSuite } from "../sim/test-file-system.js";
import { nodeFileSystem } from "./file-system.js";

const base = mkdtempSync(join(tmpdir(), "kvorum-fs-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

fileSystemSuite("nodeFileSystem", async () => {
  const directory = mkdtempSync(join(base, "case-"));
  return {
    fs: nodeFileSystem,
    directory,
    cleanUp: async () => rmSync(directory, { recursive: true }),
  };
});

test("files and directories are the owner's alone", async () => {
  const directory = join(base, "private/deep");
  await nodeFileSystem.makeDirectory(directory);
  expect(statSync(join(base, "private")).mode & 0o777).toBe(0o700);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  await nodeFileSystem.writeFile(join(directory, "a"), Buffer.from("x"));
  await (await nodeFileSystem.open(join(directory, "b"), "create-durable")).close();
  for (const name of ["a", "b"]) {
    expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
  }
});

test("a directory that the system doesn't let anyone make is an error, not a wait without end", async () => {
  // Linux answers ENOENT here although /proc is there; elsewhere there is no /proc, or it is full.
  const path = "/proc/kvorum/deep";
  await expect(nodeFileSystem.makeDirectory(path)).rejects.toThrow(/ENOENT|EACCES|EROFS|EPERM/);
});
