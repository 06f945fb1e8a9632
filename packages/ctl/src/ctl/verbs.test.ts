import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { etcdctlEnv, etcdctlVersion, startTestNode, type TestNode } from "../test-node.js";
import { type Ran, type RunOptions, run } from "../test-support.js";
import { kvorumutl } from "../utl/kvorumutl-tool.js";
import { kvorumctl } from "./kvorumctl-tool.js";

let node: TestNode;

beforeAll(async () => {
  node = await startTestNode();
});

afterAll(async () => {
  await node?.stop();
});

function ctl(words: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return run(kvorumctl, [`--endpoints=${node.endpoint}`, ...words], options);
}

/** Standard output of a command that must succeed. */
async function out(...words: string[]): Promise<string> {
  const ran = await ctl(words);
  expect(ran).toMatchObject({ code: 0, err: "" });
  return ran.out;
}

test("put, get and del", async () => {
  expect(await out("put", "kv/a", "1")).toBe("OK\n");
  expect(await out("put", "kv/a", "2", "--prev-kv")).toBe("OK\nkv/a\n1\n");
  expect((await ctl(["put", "kv/b"], { stdin: "from stdin\n" })).out).toBe("OK\n");
  expect(await out("put", "--", "kv/c", "-v")).toBe("OK\n");
  expect(await out("get", "kv/", "--prefix")).toBe("kv/a\n2\nkv/b\nfrom stdin\n\nkv/c\n-v\n");
  expect(await out("get", "kv/a", "kv/c", "--keys-only")).toBe("kv/a\n\nkv/b\n\n");
  expect(await out("get", "kv/a", "--print-value-only", "--hex")).toBe("\\x32\n");
  expect(await out("get", "kv/", "--prefix", "--order=DESCEND", "--limit=1")).toBe("kv/c\n-v\n");
  expect(await out("get", "kv/", "--prefix", "--count-only", "-w", "fields")).toContain(
    '"Count" : 3\n',
  );
  expect(await out("get", "kv/", "--prefix", "--stream")).toBe(
    "kv/a\n2\nkv/b\nfrom stdin\n\nkv/c\n-v\n",
  );
  expect(await out("del", "kv/a", "--prev-kv")).toBe("1\nkv/a\n2\n");
  expect(await out("del", "kv/", "--prefix")).toBe("2\n");
});

test("a binary value comes back to the byte", async () => {
  const value = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const lines = `\n\n\nput bin "${[...value].map((byte) => `\\x${hex(byte)}`).join("")}"\n\n`;
  const stored = await ctl(["txn"], { stdin: `mod("bin") > "0"${lines}` });
  expect(stored.out).toBe("FAILURE\n\nOK\n");
  const { bytes } = await ctl(["get", "bin", "--print-value-only"]);
  expect(bytes).toEqual(Buffer.concat([value, Buffer.from("\n")]));
});

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

test("txn reads conditions and both lists of requests", async () => {
  await out("put", "txn/k", "v");
  const lines = [
    'value("txn/k") = "v"',
    "",
    "put txn/l 'single quoted'",
    "get txn/ --prefix",
    "del txn/k",
    "",
    "put never x",
    "",
    "",
  ];
  const { out: text } = await ctl(["txn", "-i"], { stdin: lines.join("\n") });
  expect(text).toBe(
    "compares:\nsuccess requests (get, put, del):\nfailure requests (get, put, del):\n" +
      "SUCCESS\n\nOK\n\ntxn/k\nv\ntxn/l\nsingle quoted\n\n1\n",
  );
});

test("a lease is granted, kept alive, listed and revoked with its keys", async () => {
  const granted = /^lease ([0-9a-f]{16}) granted with TTL\(600s\)\n$/.exec(
    await out("lease", "grant", "600"),
  );
  const id = granted![1]!;
  await out("put", "leased", "v", `--lease=${id}`);
  expect(await out("lease", "timetolive", id, "--keys")).toMatch(
    new RegExp(
      `^lease ${id} granted with TTL\\(600s\\), remaining\\(\\d+s\\), attached keys\\(\\[leased\\]\\)\n$`,
    ),
  );
  expect(await out("lease", "keep-alive", "--once", id)).toBe(
    `lease ${id} keepalived with TTL(600)\n`,
  );
  expect(await out("lease", "list")).toBe(`found 1 leases\n${id}\n`);
  expect(await out("lease", "revoke", id)).toBe(`lease ${id} revoked\n`);
  expect(await out("get", "leased")).toBe("");
  expect(await ctl(["lease", "revoke", id])).toMatchObject({
    code: 1,
    err: "Error: failed to revoke lease (etcdserver: requested lease not found)\n",
  });
});

test("members and endpoints are described", async () => {
  expect(await out("member", "list")).toMatch(
    /^[0-9a-f]+, started, default, http:\S+, http:\S+, false\n$/,
  );
  expect(await out("endpoint", "health")).toMatch(
    / is healthy: successfully committed proposal: took = \S+s\n$/,
  );
  expect(await out("endpoint", "status", "--cluster", "-w", "json")).toMatch(
    /^\[\{"Endpoint":"http:\/\/127/,
  );
  expect(await out("endpoint", "hashkv")).toMatch(/^\S+, \d+, \d+\n$/);
  expect(await out("alarm", "list")).toBe("");
  expect(await out("version")).toMatch(/^etcdctl version: 3\.7\.1\nAPI version: 3\.7\n/);
});

test("a saved snapshot is whole, named at the end, and can be restored", async () => {
  await out("put", "saved", "value");
  const file = join(node.directory, "snapshot.db");
  const saved = await ctl(["snapshot", "save", file]);
  expect(saved.out).toBe(`Snapshot saved at ${file}\nServer version 3.7.0\n`);
  expect(await readdir(node.directory)).not.toContain("snapshot.db.part");
  expect((await readFile(file)).length % 512).toBe(32);
  const status = await run(kvorumutl, ["snapshot", "status", file, "-w", "json"]);
  expect(status.out).toMatch(
    /^\{"hash":\d+,"revision":\d+,"totalKey":\d+,"totalSize":\d+,"version":"3\.7\.0"\}\n$/,
  );
  const dataDir = join(node.directory, "restored");
  const words = ["snapshot", "restore", file, "--data-dir", dataDir, "--backend=leveldb"];
  expect(await run(kvorumutl, words)).toMatchObject({ code: 0, out: "" });
  expect(await readdir(dataDir)).toContain("member");
  expect(await run(kvorumutl, words)).toMatchObject({ code: 1 });
});

test("watch shows history, runs a command, and tells of a compaction", async () => {
  await out("put", "w", "1");
  await out("put", "w", "2");
  const { out: text } = await ctl(["get", "w", "-w", "json"]);
  const revision = JSON.parse(text).header.revision as number;
  const command = ["--", "sh", "-c", "echo $ETCD_WATCH_EVENT_TYPE $ETCD_WATCH_VALUE; exit 3"];
  expect(await ctl(["watch", "w", `--rev=${revision - 1}`, ...command])).toMatchObject({
    code: 1,
    out: 'PUT\nw\n1\nPUT\nw\n2\n"PUT" "1"\n',
  });
  expect(await out("compact", String(revision))).toBe(`compacted revision ${revision}\n`);
  expect(await ctl(["watch", "w", "--rev=1"])).toMatchObject({
    code: 5,
    err:
      "watch was canceled (etcdserver: mvcc: required revision has been compacted)\n" +
      "Error: watch is canceled by the server\n",
  });
});

describe("refusals have etcdctl's texts and exit codes", () => {
  test.each([
    [["get"], 128, "get command needs one argument as key and an optional argument as range_end"],
    [["get", "a", "--count-only"], 128, "--count-only is only for `--write-out=fields`"],
    [["get", "a", "--rev=999999"], 1, "etcdserver: mvcc: required revision is a future revision"],
    [["get", "a", "-w", "nope"], 4, "unsupported output format"],
    [["get", "a", "-w", "table"], 4, "table not supported as output format"],
    [["get", "a", "--consistency=x"], 4, 'unknown consistency flag "x"'],
    [["put", ""], 128, "put command needs 1 argument and input from stdin or 2 arguments"],
    [["put", "", "v"], 1, "etcdserver: key is not provided"],
    [["put", "a", "v", "--lease=1234"], 1, "etcdserver: requested lease not found"],
    [
      ["lease", "revoke", "zz"],
      128,
      'bad lease ID arg (strconv.ParseInt: parsing "zz": invalid syntax), expecting ID in Hex',
    ],
    [["member", "remove", "1234"], 1, "etcdserver: member not found"],
    [
      ["member", "add", "n", "http://x"],
      128,
      "too many arguments, did you mean --peer-urls=http://x",
    ],
    [["watch"], 128, "bad number of arguments"],
    [["watch", "k", "--"], 128, "bad number of arguments (found separator --, but no commands)"],
    [["snapshot", "save"], 128, "snapshot save expects one argument <filename>"],
    [["txn", "x"], 128, "txn command does not accept argument"],
  ])("%j", async (words, code, message) => {
    expect(await ctl(words)).toEqual(
      expect.objectContaining({ code, err: `Error: ${message}\n`, out: "" }),
    );
  });

  test("a snapshot comes from exactly one endpoint", async () => {
    expect(await run(kvorumctl, ["snapshot", "save", "x", "--endpoints=a,b"])).toMatchObject({
      code: 5,
      err: "Error: snapshot must be requested to one selected node, not multiple [a b]\n",
    });
  });
});

test("the environment stands in for flags and must not contradict them", async () => {
  await out("put", "env", "1");
  for (const prefix of ["ETCDCTL", "KVORUMCTL"]) {
    const env = { [`${prefix}_ENDPOINTS`]: node.endpoint, [`${prefix}_HEX`]: "true" };
    expect((await run(kvorumctl, ["get", "env"], { env })).out).toBe("\\x65\\x6e\\x76\n\\x31\n");
    const both = await ctl(["get", "env"], { env });
    expect(both.code).toBe(1);
    expect(both.err).toContain("conflicting environment variable is shadowed");
  }
});

const etcdctl = await etcdctlVersion();
if (etcdctl === undefined) console.log("no etcdctl on PATH: the comparison with it is skipped");

describe.skipIf(etcdctl === undefined)(`as ${etcdctl} prints it`, () => {
  beforeAll(async () => {
    await out("del", "", "--prefix");
    for (const key of ["a", "b", "c"]) await out("put", `cmp/${key}`, `value of ${key}`);
  });

  test.each([
    [["get", "cmp/", "--prefix"]],
    [["get", "cmp/a", "cmp/c", "--hex"]],
    [["get", "cmp/", "--prefix", "--keys-only", "--order=DESCEND"]],
    [["get", "cmp/a", "-w", "json"]],
    [["get", "cmp/a", "-w", "fields"]],
    [["get", "none"]],
    [["put", "cmp/same", "v"]],
    [["lease", "list"]],
    [["member", "list"]],
    [["alarm", "list"]],
  ])("%j", async (words) => {
    const { stdout } = await promisify(execFile)(
      "etcdctl",
      ["--endpoints", node.endpoint, ...words],
      { env: etcdctlEnv() },
    );
    expect(await out(...words)).toBe(stdout);
  });
});
