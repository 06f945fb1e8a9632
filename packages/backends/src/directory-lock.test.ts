import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lockDirectory } from "./directory-lock.js";

const build = new URL("../dist/index.js", import.meta.url).href;
let parent: string;
let directory: string;

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "kvorum-lock-"));
  directory = join(parent, "data");
});
afterEach(() => rmSync(parent, { recursive: true }));

test("a directory is locked once, also within one process", async () => {
  const lock = await lockDirectory(directory);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  await expect(lockDirectory(directory)).rejects.toMatchObject({
    name: "BackendError",
    code: "LOCKED",
    message: expect.stringContaining(directory),
  });
  await lock.release();
  await lock.release();
  await (await lockDirectory(directory)).release();
});

test("another process is kept out, and a killed one leaves no lock", async () => {
  const script = `import { lockDirectory } from ${JSON.stringify(build)};
    await lockDirectory(${JSON.stringify(directory)});
    console.log("locked");
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  await expect(lockDirectory(directory)).rejects.toMatchObject({ code: "LOCKED" });
  child.kill("SIGKILL");
  await once(child, "exit");
  await (await lockDirectory(directory)).release();
});

test("what can't be a directory is an IO error", async () => {
  await expect(lockDirectory("/dev/null/data")).rejects.toMatchObject({ code: "IO" });
});
