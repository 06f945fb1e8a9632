import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect } from "vitest";
import {
  findEtcd,
  findOnPath,
  type ServerProcess,
  scratchDirectory,
  startEtcd,
  startKvorum,
} from "../support/processes.js";
import { deleteRange, kv, maintenance, put, Rpc, range } from "../support/rpc.js";
import { testUnless } from "../support/skip.js";

/** A snapshot of the real etcd, restored into each engine and served with the same hash. */

const run = promisify(execFile);
const KVORUMUTL = fileURLToPath(new URL("../../packages/ctl/bin/kvorumutl.js", import.meta.url));
const etcd = findEtcd();
const etcdctl = findOnPath("etcdctl");
const needsEtcd = testUnless(
  etcd === undefined || etcdctl === undefined ? "no etcd and etcdctl on PATH" : undefined,
);

describe("a snapshot of the real etcd", () => {
  let real: ServerProcess | undefined;
  let file = "";
  let hash = 0;

  beforeAll(async () => {
    if (etcd === undefined || etcdctl === undefined) return;
    real = await startEtcd(etcd);
    const rpc = new Rpc(real.endpoint);
    const key = (i: number) => Buffer.from(`key/${i % 60}`);
    for (let i = 0; i < 300; i++) {
      await rpc.call(kv.put, put({ key: key(i), value: Buffer.alloc(i % 200, 97 + (i % 26)) }));
      if (i % 7 === 0) await rpc.call(kv.deleteRange, deleteRange({ key: key(i + 3) }));
    }
    hash = (await rpc.call(maintenance.hashKV, { revision: 0 })).hash;
    rpc.close();
    file = join(scratchDirectory("from-etcd"), "etcd.snap");
    await run(etcdctl, ["--endpoints", real.endpoint, "snapshot", "save", file], {
      env: { ...process.env, ETCDCTL_API: "3" },
    });
  });
  afterAll(() => real?.stop());

  for (const engine of ["lmdb", "leveldb", "sqlite"]) {
    needsEtcd(`is restored into ${engine} and served, hash for hash`, async () => {
      const dataDir = join(scratchDirectory("restored"), "data");
      const peer = "http://127.0.0.1:1";
      await run(KVORUMUTL, [
        ...["snapshot", "restore", file, "--backend", engine, "--data-dir", dataDir],
        ...["--initial-cluster", `default=${peer}`, "--initial-advertise-peer-urls", peer],
      ]);
      const node = await startKvorum(engine, { dataDir });
      const rpc = new Rpc(node.endpoint);
      try {
        expect((await rpc.call(maintenance.hashKV, { revision: 0 })).hash).toBe(hash);
        const found = await rpc.call(
          kv.range,
          range({ key: Buffer.from([0]), rangeEnd: Buffer.from([0]), countOnly: true }),
        );
        expect(found.count).toBeGreaterThan(0);
        await rpc.call(kv.put, put({ key: Buffer.from("after"), value: Buffer.from("x") }));
      } finally {
        rpc.close();
        await node.stop();
      }
    });
  }
});
