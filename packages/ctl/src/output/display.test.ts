import { expect, test } from "vitest";
import { memorySink } from "../test-support.js";
import { Display } from "./display.js";
import type { ResultKind, Results } from "./results.js";

const header = {
  clusterId: 15855413476075280080n,
  memberId: 457432380771665572n,
  revision: 2,
  raftTerm: 2,
};
const pair = {
  key: Buffer.from("foo"),
  value: Buffer.from("bar"),
  createRevision: 2,
  modRevision: 2,
  version: 1,
  lease: 0n,
};
const get: Results["get"] = { header, kvs: [pair], more: false, count: 1 };
const members: Results["memberList"] = {
  header: { ...header, revision: 0 },
  members: [
    {
      ID: 457432380771665572n,
      name: "default",
      peerURLs: ["http://127.0.0.1:20889"],
      clientURLs: ["http://127.0.0.1:20888"],
      isLearner: false,
    },
  ],
};
const status: Results["endpointStatus"] = [
  {
    endpoint: "127.0.0.1:20888",
    response: {
      header,
      version: "3.7.1",
      dbSize: 20480,
      leader: 457432380771665572n,
      raftIndex: 6,
      raftTerm: 2,
      raftAppliedIndex: 6,
      errors: [],
      dbSizeInUse: 16384,
      isLearner: false,
      storageVersion: "3.7.0",
      dbSizeQuota: 2147483648,
      downgradeInfo: { enabled: false, targetVersion: "" },
    },
  },
];

function shown<Kind extends ResultKind>(
  kind: Kind,
  result: Results[Kind],
  options: {
    readonly format?: string;
    readonly isHex?: boolean;
    readonly isTerminal?: boolean;
  } = {},
): string {
  const stdout = memorySink(options.isTerminal);
  const display = new Display({
    stdout,
    stderr: memorySink(),
    format: options.format ?? "simple",
    isHex: options.isHex ?? false,
  });
  display.show(kind, result);
  return stdout.bytes().toString("latin1");
}

// The expected texts are what etcdctl 3.7.1 printed for these responses.

test("get in every format", () => {
  expect(shown("get", get)).toBe("foo\nbar\n");
  expect(shown("get", get, { isHex: true })).toBe("\\x66\\x6f\\x6f\n\\x62\\x61\\x72\n");
  expect(shown("get", get, { format: "json" })).toBe(
    '{"header":{"cluster_id":15855413476075280080,"member_id":457432380771665572,"revision":2,' +
      '"raft_term":2},"kvs":[{"key":"Zm9v","create_revision":2,"mod_revision":2,"version":1,' +
      '"value":"YmFy"}],"count":1}\n',
  );
  expect(shown("get", get, { format: "fields" })).toBe(
    [
      '"ClusterID" : 15855413476075280080',
      '"MemberID" : 457432380771665572',
      '"Revision" : 2',
      '"RaftTerm" : 2',
      '"Key" : "foo"',
      '"CreateRevision" : 2',
      '"ModRevision" : 2',
      '"Version" : 1',
      '"Value" : "bar"',
      '"Lease" : 0',
      '"More" : false',
      '"Count" : 1',
      "",
    ].join("\n"),
  );
  expect(() => shown("get", get, { format: "table" })).toThrow("table not supported as output");
  expect(() => shown("get", get, { format: "nope" })).toThrow("unsupported output format");
});

test("member list and endpoint status in every format", () => {
  expect(shown("memberList", members)).toBe(
    "6592053a4a806a4, started, default, http://127.0.0.1:20889, http://127.0.0.1:20888, false\n",
  );
  expect(Buffer.from(shown("memberList", members, { format: "table" }), "latin1").toString()).toBe(
    [
      "┌─────────────────┬─────────┬─────────┬────────────────────────┬────────────────────────┬────────────┐",
      "│       ID        │ STATUS  │  NAME   │       PEER ADDRS       │      CLIENT ADDRS      │ IS LEARNER │",
      "├─────────────────┼─────────┼─────────┼────────────────────────┼────────────────────────┼────────────┤",
      "│ 6592053a4a806a4 │ started │ default │ http://127.0.0.1:20889 │ http://127.0.0.1:20888 │      false │",
      "└─────────────────┴─────────┴─────────┴────────────────────────┴────────────────────────┴────────────┘",
      "",
    ].join("\n"),
  );
  expect(shown("memberList", members, { format: "json" })).toBe(
    '{"header":{"cluster_id":15855413476075280080,"member_id":457432380771665572,"raft_term":2},' +
      '"members":[{"ID":457432380771665572,"name":"default","peerURLs":["http://127.0.0.1:20889"],' +
      '"clientURLs":["http://127.0.0.1:20888"]}]}\n',
  );
  expect(shown("endpointStatus", status)).toBe(
    "127.0.0.1:20888, 6592053a4a806a4, 3.7.1, 3.7.0, 20 kB, 16 kB, 20%, 2.1 GB, true, false, 2, 6, 6, , , false\n",
  );
  expect(shown("endpointStatus", status, { format: "json" })).toBe(
    '[{"Endpoint":"127.0.0.1:20888","Status":{"header":{"cluster_id":15855413476075280080,' +
      '"member_id":457432380771665572,"revision":2,"raft_term":2},"version":"3.7.1","dbSize":20480,' +
      '"leader":457432380771665572,"raftIndex":6,"raftTerm":2,"raftAppliedIndex":6,' +
      '"dbSizeInUse":16384,"storageVersion":"3.7.0","dbSizeQuota":2147483648,"downgradeInfo":{}}}]\n',
  );
});

test("a transaction, a lease and a watch", () => {
  const txn: Results["txn"] = {
    header: { ...header, revision: 3 },
    succeeded: false,
    responses: [
      {
        response: {
          $case: "responsePut",
          value: {
            header: { clusterId: 0n, memberId: 0n, revision: 3, raftTerm: 0 },
            prevKv: undefined,
          },
        },
      },
    ],
  };
  expect(shown("txn", txn)).toBe("FAILURE\n\nOK\n");
  expect(shown("txn", txn, { format: "json" })).toBe(
    '{"header":{"cluster_id":15855413476075280080,"member_id":457432380771665572,"revision":3,' +
      '"raft_term":2},"responses":[{"Response":{"response_put":{"header":{"revision":3}}}}]}\n',
  );
  const lease = { header, ID: 4660n, TTL: -1, grantedTTL: 0, keys: [] };
  const gone = { withKeys: true, response: lease };
  expect(shown("leaseTimeToLive", gone)).toBe("lease 0000000000001234 already expired\n");
  expect(shown("leaseTimeToLive", gone, { format: "json" })).toContain(
    '"id":4660,"ttl":-1,"granted-ttl":0,"keys":null}',
  );
  const watch: Results["watch"] = {
    header,
    watchId: 1n,
    created: false,
    canceled: false,
    compactRevision: 0,
    cancelReason: "",
    fragment: false,
    events: [{ type: 0, kv: pair, prevKv: undefined }],
  };
  expect(shown("watch", watch)).toBe("PUT\nfoo\nbar\n");
  expect(shown("watch", watch, { format: "json" })).toContain(
    '"Events":[{"kv":{"key":"Zm9v","create_revision":2,"mod_revision":2,"version":1,' +
      '"value":"YmFy"}}],"CompactRevision":0,"Canceled":false,"Created":false,"CancelReason":""}',
  );
});

test("values go byte for byte into a pipe, and visibly onto a terminal", () => {
  const value = Buffer.from([0x61, 0x1b, 0xff, 0xc3, 0xa4, 0x0a, 0xc2, 0x9b]);
  const binary = { ...get, kvs: [{ ...pair, value }] };
  expect(shown("get", binary)).toBe(`foo\n${value.toString("latin1")}\n`);
  expect(shown("get", binary, { isTerminal: true })).toBe("foo\na\\x1b\\xff\xc3\xa4\n\\xc2\\x9b\n");
  const huge = { ...get, kvs: [{ ...pair, value: Buffer.alloc(1_000_000, "x") }] };
  expect(shown("get", huge)).toHaveLength(1_000_005);
  const seen = shown("get", huge, { isTerminal: true });
  expect(seen.length).toBeLessThan(20_000);
  expect(seen).toContain("983616 more bytes, shown when the output is piped");
});
