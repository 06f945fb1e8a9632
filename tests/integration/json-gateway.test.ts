import { request } from "node:http";
import { expect } from "vitest";
import { isBefore37 } from "../support/etcd-release.js";
import { findEtcd, startEtcd, startKvorum } from "../support/processes.js";
import { testUnless } from "../support/skip.js";

/**
 * The same requests in JSON to a Kvorum node and to a real etcd, one after the other: status, headers
 * and body must be equal but for what differs from cluster to cluster, and for the spaces behind
 * commas, of which each build of etcd has its own.
 */

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

interface Asked {
  readonly path: string;
  readonly body: string | Buffer;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A stream that does not end by itself is left after this long without a word. */
const SILENCE_MS = 1_000;
const ANSWER_MAX_MS = 15_000;

const COMPARED = [
  ...["content-type", "grpc-metadata-content-type", "www-authenticate", "transfer-encoding"],
  ...["access-control-allow-origin", "access-control-allow-methods"],
  "access-control-allow-headers",
];

function ask(endpoint: string, { path, body, method = "POST", headers = {} }: Asked) {
  const [host, port] = endpoint.split(":");
  return new Promise<Answer>((resolve, reject) => {
    const framed = { ...headers, "Content-Length": String(Buffer.byteLength(body)) };
    const sent = request({ host, port, path, method, headers: framed }, (response) => {
      let text = "";
      const done = () => {
        clearTimeout(timer);
        const kept = COMPARED.map((name): [string, unknown] => [name, response.headers[name]]);
        resolve({
          status: response.statusCode ?? 0,
          headers: Object.fromEntries(kept),
          body: comparable(text),
        });
        sent.destroy();
      };
      const timer = setTimeout(done, SILENCE_MS);
      response.setEncoding("utf8").on("end", done);
      response.on("data", (part: string) => {
        text += part;
        timer.refresh();
      });
    });
    sent.setTimeout(ANSWER_MAX_MS, () => sent.destroy(new Error(`no answer for ${path}`)));
    sent.on("error", reject).end(body);
  });
}

/** Line by line: without what differs between clusters, sizes and the spaces of a build. */
function comparable(text: string): string {
  return text
    .split("\n")
    .map((line) =>
      // Go's protobuf puts a space of one kind or another behind the colon of its errors.
      line
        .replace(/proto:\u00a0/, "proto: ")
        .replace(/("(?:[^"\\]|\\.)*")|\s+/g, (_all, string: string | undefined) => string ?? "")
        .replace(/"(cluster_id|member_id|raft_term)":"\d+",?/g, "")
        .replace(/,\}/g, "}"),
    )
    .join("\n");
}

const post = (path: string, body: unknown = {}): Asked => ({
  path: `/v3/${path}`,
  body: typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body),
});
const withHeaders = (asked: Asked, headers: Record<string, string>): Asked => ({
  ...asked,
  headers,
});
const KEY = { key: "Zm9v" };
const ID = "7587890123456789012";

/** Good requests of every service; the bodies that are strings are written as a client would. */
const GOOD: readonly Asked[] = [
  post("kv/put", { ...KEY, value: "YmFy" }),
  post("kv/put", { ...KEY, value: "YmF6", prev_kv: true }),
  post("kv/put", { key: "Zm9-", value: "_-8", lease: "0" }),
  post("kv/range", KEY),
  post("kv/range", { key: "AA==", rangeEnd: "AA==", sort_order: "DESCEND", sortTarget: 3 }),
  post("kv/range", { key: "AA==", range_end: "AA==", limit: 1, keys_only: true }),
  post("kv/range", { key: "AA==", range_end: "AA==", count_only: true, serializable: true }),
  post("kv/range", `{"key":"Zm9v","limit":1e0,"revision":"2","keys_only":null,"nope":[{"a":1}]}`),
  post("kv/range", `\n {"key":"Zm9v","sort_order":"NONSENSE"} and so on`),
  post("kv/txn", {
    compare: [{ ...KEY, target: "VALUE", result: "EQUAL", value: "YmF6" }],
    success: [
      { request_range: KEY },
      { requestPut: { ...KEY, value: "eA==" } },
      { request_txn: { failure: [], success: [{ request_delete_range: { key: "Zm9-" } }] } },
    ],
  }),
  post("kv/txn", { compare: [{ ...KEY, version: 0 }], failure: [{ request_range: KEY }] }),
  post("kv/deleterange", { ...KEY, prev_kv: true }),
  post("kv/compaction", { revision: 3 }),
  post("lease/grant", `{"TTL":100,"ID":${ID}}`),
  post("lease/timetolive", { ID, keys: true }),
  post("kv/lease/timetolive", { ID }),
  post("lease/leases"),
  post("kv/lease/leases", ""),
  post("lease/keepalive", `{"ID":${ID}} {"ID":"1"}`),
  post("lease/keepalive", ""),
  post("lease/revoke", { ID }),
  post("watch", '{"create_request":{"key":"Zm9v","start_revision":4}}'),
  post(
    "watch",
    '{"create_request":{"key":"YQ==","watch_id":7}}{"create_request":{"key":"YQ==","watch_id":7}}' +
      '{"cancel_request":{"watch_id":"7"}}{"create_request":{"key":"YQ==","startRevision":1}}',
  ),
  post("maintenance/alarm"),
  post("maintenance/alarm", { action: "ACTIVATE", alarm: "NOSPACE", memberID: "12" }),
  post("kv/put", { ...KEY, value: "YmFy" }),
  post("maintenance/alarm", { action: 2, alarm: 1, memberID: 12 }),
  post("maintenance/hashkv", { revision: 1000 }),
  post("lease/grant", `{"TTL":100,"ID":${ID}}`),
  post("lock/lock", { name: "bA==", lease: ID }),
  post("lock/unlock", { key: Buffer.from(`l/${BigInt(ID).toString(16)}`).toString("base64") }),
  post("election/campaign", { name: "ZQ==", lease: ID, value: "YQ==" }),
  post("election/leader", { name: "ZQ==" }),
  post("election/observe", { name: "ZQ==" }),
  post("election/proclaim", {
    leader: { name: "ZQ==", key: "ZQ==", rev: 1, lease: ID },
    value: "",
  }),
  post("lease/revoke", { ID }),
  post("auth/status"),
  post("auth/user/add", { name: "root", password: "r" }),
  post("auth/user/add", { name: "none", options: { no_password: true } }),
  post("auth/user/list"),
  post("auth/role/add", { name: "r" }),
  post("auth/role/grant", { name: "r", perm: { permType: "READWRITE", key: "YQ==" } }),
  post("auth/role/grant", { name: "r", perm: { perm_type: 1, key: "Yg==", range_end: "Yw==" } }),
  post("auth/role/get", { role: "r" }),
  post("auth/role/list"),
  post("auth/user/grant", { user: "none", role: "r" }),
  post("auth/user/get", { name: "none" }),
  post("auth/user/grant", { user: "root", role: "root" }),
];

const range = (body: string | Buffer) => post("kv/range", body);

/** Requests that are wrong in every way. */
const BAD: readonly Asked[] = [
  ...["", " ", "{}", "null", "1", '"a"', "[1]", "true", "x", "{", '{"key":', "{'a':1}", "}"].map(
    range,
  ),
  ...['{"a" 1}', '{"a":1 "b"}', '{"a":1,}', '{"a":[1 2]}', '{"a":[1,]}', '{"a":tru}'].map(range),
  ...['{"a":01}', '{"a":-x}', '{"a":1.}', '{"a":1e+}', '{"a":"\\q"}', '{"a":"\\u12x4"}'].map(range),
  ...['{"a":"\n"}', '{"a":nil}', "\u00e4", "\u007f", "\t\u0001", '{"key":"a\\ud800"}'].map(range),
  ...['{"key":12}', '{"key":"!!"}', '{"key":"YQ="}', '{"key":"Y"}', '{"key":{}}'].map(range),
  ...['{"key":["YQ=="]}', '{\n "\u00e4":0, "key":true}', '{"key":"YQ==","key":""}'].map(range),
  ...['{"limit":1.5}', '{"limit":"1x"}', '{"limit":" 1"}', '{"limit":true}'].map(range),
  ...['{"limit":9223372036854775808}', '{"limit":1e30}', '{"limit":"-0"}'].map(range),
  ...['{"sort_order":1.5}', '{"sort_order":9}', '{"keys_only":"true"}'].map(range),
  ...['{"rangeEnd":"","range_end":""}', '{"key":"YQ==","revision":99999}'].map(range),
  range(Buffer.from('{"key":"\xff"}', "latin1")),
  post("kv/txn", '{"compare":[{"version":"1","modRevision":2}]}'),
  post("kv/txn", '{"compare":{}}'),
  post("kv/txn", '{"compare":[null]}'),
  post("kv/txn", '{"success":[{}]}'),
  post("kv/put", { value: "YQ==" }),
  post("kv/put", { ...KEY, lease: 999 }),
  post("kv/put", { ...KEY, value: Buffer.alloc(1_600_000).toString("base64") }),
  post("kv/put", { ...KEY, value: Buffer.alloc(2_200_000).toString("base64") }),
  post("kv/compaction", { revision: 1 }),
  post("lease/grant", '{"ID":-1}'),
  post("lease/revoke", { ID: 5 }),
  post("lease/keepalive", '{"ID":"x"}'),
  post("cluster/member/remove", { ID: "77" }),
  post("cluster/member/add", { peerURLs: ["not a url"] }),
  post("cluster/member/add", { peerURLs: "a" }),
  post("maintenance/transfer-leadership", { targetID: "1" }),
  post("maintenance/downgrade", { action: "VALIDATE", version: "1.x" }),
  post("maintenance/snapshot", "[1]"),
  post("auth/authenticate", { name: "x" }),
  post("auth/user/get", { name: "nobody" }),
  post("auth/role/grant", { name: "r", perm: { permType: "READ" } }),
  post("lock/lock", { name: "bA==", lease: "5" }),
  post("lock/lock", '{"name":1}'),
  post("election/leader", { name: "bm8=" }),
  post("election/resign"),
  post("kv/nope"),
  post("kv/range/"),
  { ...post("kv/range", KEY), method: "GET" },
  { ...post("kv/range", KEY), method: "PUT" },
  { ...post("kv/range", KEY), method: "OPTIONS" },
  { ...post("nope"), method: "DELETE" },
  withHeaders(post("kv/range", KEY), { "Grpc-Timeout": "5q" }),
  withHeaders(post("kv/range", KEY), { "Grpc-Timeout": "1n" }),
  withHeaders(post("watch", { create_request: KEY }), { "Grpc-Timeout": "1n" }),
  withHeaders(post("election/observe", { name: "bm8=" }), { "Grpc-Timeout": "300m" }),
  withHeaders(post("watch", { create_request: KEY }), { "Grpc-Timeout": "300m" }),
];

/** With authentication on; nobody has a token. */
const UNKNOWN_CALLERS: readonly Asked[] = [
  post("kv/range", KEY),
  post("maintenance/snapshot"),
  post("lease/leases"),
  post("watch", { create_request: KEY }),
  post("auth/authenticate", { name: "root", password: "wrong" }),
  ...["kv/range", "maintenance/snapshot", "lease/keepalive", "auth/user/list"].map((path) =>
    withHeaders(post(path, { ...KEY, ID: 1 }), { Authorization: "bad" }),
  ),
];

const KNOWN_CALLERS: readonly Asked[] = [
  post("kv/range", KEY),
  post("lease/keepalive", { ID: 1 }),
  post("watch", { create_request: KEY }),
  post("auth/disable"),
];

const etcd = findEtcd();
const isOld = isBefore37();
const reason =
  etcd === undefined
    ? "no etcd on PATH or in KVORUM_TEST_ETCD"
    : isOld
      ? "the etcd found is older than 3.7, whose gateway says much in other words"
      : undefined;

testUnless(reason)(
  "the JSON gateway answers as etcd's does",
  async () => {
    const [node, real] = await Promise.all([startKvorum("memory"), startEtcd(etcd!)]);
    const compare = async (asked: Asked, theirs: Asked = asked) => {
      const [our, their] = await Promise.all([
        ask(node.endpoint, asked),
        ask(real.endpoint, theirs),
      ]);
      const shown = asked.body.length < 1000 ? asked.body : "...";
      expect(our, `${asked.method ?? "POST"} ${asked.path} ${shown}`).toEqual(their);
    };
    const tokenOf = async (endpoint: string) => {
      const asked = post("auth/authenticate", { name: "root", password: "r" });
      return JSON.parse((await ask(endpoint, asked)).body).token as string;
    };
    try {
      for (const asked of [...GOOD, ...BAD]) await compare(asked);
      await compare(post("auth/enable"));
      for (const asked of UNKNOWN_CALLERS) await compare(asked);
      const [ours, theirs] = [await tokenOf(node.endpoint), await tokenOf(real.endpoint)];
      for (const asked of KNOWN_CALLERS) {
        await compare(
          withHeaders(asked, { Authorization: ours }),
          withHeaders(asked, { Authorization: theirs }),
        );
      }
    } finally {
      await Promise.all([node.stop(), real.stop()]);
    }
  },
  120_000,
);
