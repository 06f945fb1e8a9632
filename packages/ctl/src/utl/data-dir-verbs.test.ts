import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { lockDirectory } from "@kvorum/backends";
import { afterAll, beforeAll, expect, test } from "vitest";
import { kvorumctl } from "../ctl/kvorumctl-tool.js";
import { startTestNode, type TestNode } from "../test-node.js";
import { type Ran, run } from "../test-support.js";
import { kvorumutl } from "./kvorumutl-tool.js";

let node: TestNode;
let restored: Ran;
let dataDir: string;

beforeAll(async () => {
  node = await startTestNode();
  const file = join(node.directory, "snapshot.db");
  dataDir = join(node.directory, "restored");
  const saved = await run(kvorumctl, [`--endpoints=${node.endpoint}`, "snapshot", "save", file]);
  expect(saved.code).toBe(0);
  restored = await run(kvorumutl, [
    ...["snapshot", "restore", file, "--data-dir", dataDir, "--backend=sqlite", "--name=a"],
    "--initial-cluster=a=http://127.0.0.1:2380,b=http://127.0.0.1:3380",
    "--initial-advertise-peer-urls=http://127.0.0.1:2380",
  ]);
});

afterAll(async () => {
  await node?.stop();
});

test("a restore names the members of the new cluster", () => {
  expect(restored).toMatchObject({ code: 0, out: "" });
  // Ids and form as of etcdutl 3.7.1 with the same flags.
  const line = (id: string, url: string) =>
    'added member\t{"cluster-id": "ef3eb275133df8b7", "local-member-id": "0", ' +
    `"added-peer-id": "${id}", "added-peer-peer-urls": ["${url}"], "added-peer-is-learner": false}`;
  const messages = restored.err.trimEnd().split("\n");
  expect(messages.map((text) => text.replace(/^[^\t]*\tinfo\t/, ""))).toEqual([
    expect.stringMatching(/^restoring snapshot\t/),
    line("b71f75320dc06a6c", "http://127.0.0.1:2380"),
    line("d07d5325fff892c1", "http://127.0.0.1:3380"),
    expect.stringMatching(/^restored snapshot\t/),
  ]);
});

test("defrag works on the data of a member that does not run, whatever its engine", async () => {
  const ran = await run(kvorumutl, ["defrag", "--data-dir", dataDir]);
  expect(ran).toMatchObject({ code: 0, out: "" });
  const path = `"path": "${join(dataDir, "member", "db")}"`;
  expect(ran.err).toMatch(/\tinfo\tdefragmenting\t.*"current-db-size-bytes": \d+, /);
  expect(ran.err).toMatch(
    /\tinfo\tfinished defragmenting directory\t.*"current-db-size-bytes-diff": -?\d+, /,
  );
  expect(ran.err.split(path).length).toBe(3);
});

test("defrag waits for the lock as long as it may, and says who has it", async () => {
  const held = await lockDirectory(join(dataDir, "member"));
  const words = ["defrag", "--data-dir", dataDir];
  try {
    const ran = await run(kvorumutl, [...words, "--timeout=60ms"]);
    expect(ran.code).toBe(1);
    expect(ran.err).toMatch(/^Error: Failed to defragment etcd data\[.*another process uses this/);
    const waiting = run(kvorumutl, [...words, "--timeout=0"]);
    await held.release();
    expect(await waiting).toMatchObject({ code: 0 });
  } finally {
    await held.release();
  }
});

test("defrag refuses what is no data directory of a member", async () => {
  expect(await run(kvorumutl, ["defrag"])).toMatchObject({
    code: 1,
    err: 'Error: required flag(s) "data-dir" not set\n',
  });
  const none = join(node.directory, "none");
  expect(await run(kvorumutl, ["defrag", "--data-dir", none])).toMatchObject({
    code: 1,
    err: `Error: Failed to defragment etcd data[${none}] (${none} holds no data of a member)\n`,
  });
  const foreign = join(node.directory, "foreign");
  await mkdir(join(foreign, "member", "snap"), { recursive: true });
  await writeFile(join(foreign, "member", "snap", "db"), Buffer.alloc(8192, 1));
  const ran = await run(kvorumutl, ["defrag", "--data-dir", foreign]);
  expect(ran.code).toBe(1);
  expect(ran.err).toContain("is the data directory of an etcd member");
});
