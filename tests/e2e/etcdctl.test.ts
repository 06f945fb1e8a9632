import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect } from "vitest";
import {
  findEtcd,
  findOnPath,
  findRestorer,
  type ServerProcess,
  scratchDirectory,
  startEtcd,
  startKvorum,
} from "../support/processes.js";
import { testUnless } from "../support/skip.js";

/** The real etcdctl against a node on each engine. */

const run = promisify(execFile);
const etcdctl = findOnPath("etcdctl");
const needsEtcdctl = testUnless(etcdctl === undefined ? "no etcdctl on PATH" : undefined);
const etcd = findEtcd();
const needsEtcd = testUnless(
  etcdctl === undefined || etcd === undefined ? "no etcd and etcdctl on PATH" : undefined,
);
const env = { ...process.env, ETCDCTL_API: "3" };

describe.each(["lmdb", "leveldb", "sqlite"])("etcdctl on %s", (engine) => {
  let node: ServerProcess;

  beforeAll(async () => {
    node = await startKvorum(engine);
  });
  afterAll(() => node.stop());

  const ctl = async (...args: string[]): Promise<string> =>
    (await run("etcdctl", ["--endpoints", node.endpoint, ...args], { env })).stdout;
  const ctlFails = async (...args: string[]): Promise<string> => {
    const outcome = await run("etcdctl", ["--endpoints", node.endpoint, ...args], { env }).catch(
      (error: { stderr: string }) => error.stderr,
    );
    expect(typeof outcome, `etcdctl ${args.join(" ")} should have failed`).toBe("string");
    return String(outcome);
  };
  const revision = async (): Promise<number> =>
    JSON.parse(await ctl("get", "none", "-w", "json")).header.revision;

  needsEtcdctl("puts, gets with every flag, and deletes", async () => {
    expect(await ctl("put", "a/1", "one")).toBe("OK\n");
    await ctl("put", "a/2", "two");
    const first = await revision();
    await ctl("put", "a/3", "zero");
    expect(await ctl("put", "a/1", "uno", "--prev-kv")).toBe("OK\na/1\none\n");
    expect(await ctl("get", "a/1")).toBe("a/1\nuno\n");
    expect(await ctl("get", "a/", "--prefix", "--keys-only")).toBe("a/1\n\na/2\n\na/3\n\n");
    expect(await ctl("get", "a/", "--prefix", "--print-value-only")).toBe("uno\ntwo\nzero\n");
    expect(await ctl("get", "a/1", `--rev=${first}`, "--print-value-only")).toBe("one\n");
    expect(await ctl("get", "a/", "--prefix", "--limit=2", "--keys-only")).toBe("a/1\n\na/2\n\n");
    const sorted = ["--sort-by=VALUE", "--order=DESCEND", "--print-value-only"];
    expect(await ctl("get", "a/", "--prefix", ...sorted)).toBe("zero\nuno\ntwo\n");
    const byModification = ["--sort-by=MODIFY", "--order=ASCEND", "--print-value-only"];
    expect(await ctl("get", "a/", "--prefix", ...byModification)).toBe("two\nzero\nuno\n");
    expect(await ctl("get", "a/1", "a/3", "--print-value-only")).toBe("uno\ntwo\n");
    expect(await ctl("get", "a/2", "--from-key", "--print-value-only")).toContain("two\nzero\n");
    expect(await ctl("get", "a/2", "--consistency=s", "--print-value-only")).toBe("two\n");
    expect(await ctl("get", "a/2", "--hex")).toBe("\\x61\\x2f\\x32\n\\x74\\x77\\x6f\n");
    const json = JSON.parse(await ctl("get", "a/1", "-w", "json"));
    expect(json.kvs[0]).toMatchObject({ key: "YS8x", value: "dW5v", version: 2 });
    expect(await ctl("put", "a/2", "--ignore-value", "--ignore-lease")).toBe("OK\n");
    expect(await ctl("del", "a/2", "--prev-kv")).toBe("1\na/2\ntwo\n");
    expect(await ctl("del", "a/", "--prefix")).toBe("2\n");
    expect(await ctl("get", "a/", "--prefix")).toBe("");
    expect(await ctlFails("get", "a", "--rev=999999")).toContain(
      "etcdserver: mvcc: required revision is a future revision",
    );
    expect(await ctlFails("put", "new", "--ignore-value")).toContain("etcdserver: key not found");
  });

  needsEtcdctl("runs a transaction", async () => {
    await ctl("put", "t", "1");
    const input = 'value("t") = "1"\n\nput t 2\nget t\n\nput t 3\n\n';
    const output = await new Promise<string>((resolve, reject) => {
      const child = spawn("etcdctl", ["--endpoints", node.endpoint, "txn"], { env });
      let text = "";
      child.stdout.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      child.once("error", reject);
      child.once("exit", () => resolve(text));
      child.stdin.end(input);
    });
    expect(output).toBe("SUCCESS\n\nOK\n\nt\n2\n");
  });

  needsEtcdctl("watches from an old revision and follows", async () => {
    await ctl("put", "w", "1");
    const from = await revision();
    await ctl("put", "w", "2");
    await ctl("del", "w");
    const child = spawn(
      "etcdctl",
      ["--endpoints", node.endpoint, "watch", "w", `--rev=${from}`, "--prev-kv"],
      { env },
    );
    const expected = "PUT\nw\n1\nPUT\nw\n1\nw\n2\nDELETE\nw\n2\nw\n\nPUT\nw\n3\n";
    let text = "";
    try {
      await new Promise<void>((resolve, reject) => {
        let isCaughtUp = false;
        child.once("exit", () => reject(new Error(`the watch ended after ${text}`)));
        child.stdout.setEncoding("utf8").on("data", (part: string) => {
          text += part;
          if (text.includes("DELETE\n") && !isCaughtUp) {
            isCaughtUp = true;
            ctl("put", "w", "3").catch(reject);
          }
          if (text.length >= expected.length) resolve();
        });
      });
      expect(text).toBe(expected);
    } finally {
      child.kill();
    }
  });

  needsEtcdctl("grants a lease, keeps it alive, and revokes it with its keys", async () => {
    const granted = await ctl("lease", "grant", "60");
    const id = /lease ([0-9a-f]{16}) granted with TTL\(60s\)/.exec(granted)?.[1] ?? "";
    expect(id).not.toBe("");
    await ctl("put", "leased", "x", `--lease=${id}`);
    expect(await ctl("lease", "keep-alive", id, "--once")).toBe(
      `lease ${id} keepalived with TTL(60)\n`,
    );
    expect(await ctl("lease", "list")).toContain(id);
    expect(await ctl("lease", "timetolive", id, "--keys")).toMatch(
      new RegExp(
        `lease ${id} granted with TTL\\(60s\\), remaining\\(5\\ds\\), attached keys\\(\\[leased\\]\\)`,
      ),
    );
    expect(await ctl("lease", "revoke", id)).toBe(`lease ${id} revoked\n`);
    expect(await ctl("get", "leased")).toBe("");
    const short = await ctl("lease", "grant", "1");
    expect(short).toContain("granted with TTL(2s)");
    expect(await ctlFails("put", "k", "v", "--lease=123abc")).toContain(
      "etcdserver: requested lease not found",
    );
  });

  needsEtcdctl("compacts, defragments, and shows its status and members", async () => {
    for (let i = 0; i < 20; i++) await ctl("put", "c", String(i));
    const at = await revision();
    expect(await ctl("compaction", String(at), "--physical")).toBe(`compacted revision ${at}\n`);
    expect(await ctlFails("get", "c", `--rev=${at - 1}`)).toContain(
      "etcdserver: mvcc: required revision has been compacted",
    );
    expect(await ctl("get", "c", `--rev=${at}`, "--print-value-only")).toBe("19\n");
    expect(await ctl("defrag")).toContain("Finished defragmenting etcd member");
    expect(await ctl("endpoint", "health")).toMatch(/is healthy|^$/);
    expect(await ctl("endpoint", "status")).toContain("3.7.1");
    expect(await ctl("member", "list")).toContain("started, default");
    expect(await ctl("alarm", "list")).toBe("");
  });

  needsEtcd("saves a snapshot that the real etcd restores and serves, hash for hash", async () => {
    for (let i = 0; i < 50; i++) await ctl("put", `snap/${i % 20}`, `value ${i}`);
    await ctl("del", "snap/3");
    const directory = scratchDirectory("snapshot");
    const file = join(directory, "snapshot.db");
    await ctl("snapshot", "save", file);
    expect(existsSync(file)).toBe(true);
    const asked = ["snapshot", "status", file, "-w", "json"];
    const status = (await run(findRestorer(etcd!), asked, { env })).stdout;
    expect(JSON.parse(status).revision).toBe(await revision());
    const hash = JSON.parse(await ctl("endpoint", "hashkv", "-w", "json"))[0].HashKV.hash;
    const dataDir = join(directory, "restored");
    const peer = "http://127.0.0.1:1";
    await run(
      findRestorer(etcd!),
      [
        ...["snapshot", "restore", file, "--data-dir", dataDir],
        ...["--initial-cluster", `default=${peer}`, "--initial-advertise-peer-urls", peer],
      ],
      { env },
    );
    const real = await startEtcd(etcd!, { dataDir });
    try {
      const restored = await run(
        "etcdctl",
        ["--endpoints", real.endpoint, "endpoint", "hashkv", "-w", "json"],
        { env },
      );
      expect(JSON.parse(restored.stdout)[0].HashKV.hash).toBe(hash);
    } finally {
      await real.stop();
    }
  });
});
