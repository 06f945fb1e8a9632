import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type EmbeddedServer, startEmbedded } from "../embed.js";

const SNAPSHOT_COUNT = 10;

const directory = mkdtempSync(join(tmpdir(), "kvorum-metrics-"));
let server: EmbeddedServer;

beforeAll(async () => {
  server = await startEmbedded({
    dataDir: join(directory, "data"),
    backend: "lmdb",
    flags: { "snapshot-count": String(SNAPSHOT_COUNT) },
  });
});
afterAll(async () => {
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
});

const base64 = (text: string) => Buffer.from(text).toString("base64");

/** Asks as a client of the JSON gateway, which sends no version. */
async function ask(path: string, request: unknown = {}): Promise<unknown> {
  const body = JSON.stringify(request);
  const response = await fetch(`http://${server.endpoints[0]}/v3/${path}`, {
    method: "POST",
    body,
  });
  return JSON.parse((await response.text()).split("\n", 1)[0]!);
}

/** The lines of the page, by what stands before the value. */
async function page(): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`http://${server.endpoints[0]}/metrics`)).text();
  return new Map(
    text
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => [
        line.slice(0, line.lastIndexOf(" ")),
        Number(line.slice(line.lastIndexOf(" ") + 1)),
      ]),
  );
}

const applied = (op: string, success = true) =>
  `etcd_server_apply_duration_seconds_count{op="${op}",success="${success}",version="v3"}`;
const asked = (type: string, success = true) =>
  `etcd_server_request_duration_seconds_count{success="${success}",type="${type}"}`;
const messages = (way: "received" | "sent", method: string, type: string) =>
  `grpc_server_msg_${way}_total{grpc_method="${method}",grpc_service="etcdserverpb.${type}`;
const unary = (way: "received" | "sent", method: string) =>
  messages(way, method, 'KV",grpc_type="unary"}');

test("the page shows the work that was done", async () => {
  const key = base64("k");
  const value = base64("vwx");
  for (let i = 0; i < SNAPSHOT_COUNT; i++) await ask("kv/put", { key, value });
  await ask("kv/put", { key, value, lease: 99 });
  await ask("kv/range", { key });
  await ask("kv/range", { key, revision: 999 });
  const success = [{ requestRange: { key } }, { requestPut: { key, value } }];
  await ask("kv/txn", { success });
  await ask("kv/txn", { success: [{ requestPut: { key, value } }] });
  await ask("lease/grant", { TTL: 30 });
  await ask("lease/keepalive", { ID: 5 });
  await ask("kv/compaction", { revision: 8, physical: true });
  await ask("maintenance/hashkv");
  await ask("maintenance/snapshot");
  await ask("cluster/member/promote", { ID: 5 });

  const wanted: Readonly<Record<string, number>> = {
    [applied("Put")]: SNAPSHOT_COUNT,
    [applied("Put", false)]: 1,
    [applied("Txn")]: 2,
    [applied("LeaseGrant")]: 1,
    [applied("Compaction")]: 1,
    [applied("ClusterMemberAttrSet")]: 1,
    [applied("ClusterVersionSet")]: 1,
    [asked("Put")]: SNAPSHOT_COUNT,
    [asked("Put", false)]: 1,
    [asked("Range")]: 1,
    [asked("Range", false)]: 1,
    [asked("Txn")]: 2,
    [asked("LeaseGrant")]: 1,
    [asked("Compaction")]: 1,
    [unary("received", "Put")]: SNAPSHOT_COUNT + 1,
    [unary("sent", "Put")]: SNAPSHOT_COUNT + 1,
    [messages("received", "LeaseKeepAlive", 'Lease",grpc_type="bidi_stream"}')]: 1,
    etcd_mvcc_put_total: SNAPSHOT_COUNT + 2,
    etcd_debugging_mvcc_total_put_size_in_bytes: (SNAPSHOT_COUNT + 2) * "kvwx".length,
    etcd_mvcc_range_total: 2,
    etcd_mvcc_txn_total: 1,
    etcd_debugging_lease_ttl_total_sum: 30,
    etcd_debugging_mvcc_db_compaction_keys_total: 6,
    etcd_debugging_mvcc_db_compaction_total_duration_milliseconds_count: 1,
    etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds_count: 1,
    etcd_debugging_mvcc_index_compaction_pause_duration_milliseconds_count: 1,
    etcd_mvcc_hash_rev_duration_seconds_count: 1,
    'etcd_server_client_requests_total{client_api_version="unknown",type="unary"}': 19,
    'etcd_server_learner_promote_failures{Reason="etcdserver: member not found"}': 1,
    'etcd_server_feature_enabled{name="AllBeta",stage="BETA"}': 1,
    'etcd_server_feature_enabled{name="AllAlpha",stage="ALPHA"}': 0,
  };
  const found = await page();
  const actual = Object.keys(wanted).map((name) => [name, found.get(name)]);
  expect(Object.fromEntries(actual)).toEqual(wanted);
  expect(found.get("etcd_debugging_mvcc_db_compaction_last")).toBeGreaterThan(1.7e9);
});

test.each([
  "etcd_snap_fsync_duration_seconds_count",
  "etcd_debugging_snap_save_total_duration_seconds_count",
  "etcd_debugging_snap_save_marshalling_duration_seconds_count",
  "etcd_disk_backend_snapshot_duration_seconds_count",
])("%s counts what ends in the background", async (name) => {
  await expect.poll(async () => (await page()).get(name)).toBeGreaterThanOrEqual(1);
});
