import { fromBinary, toJsonString } from "@bufbuild/protobuf";
import { createPrng } from "@kvorum/base";
import { describe, expect, it } from "vitest";
import { etcdserverpb, JsonMethods, JsonValues, jsonToMessage, messageToJson } from "../index.js";

const methods = new JsonMethods();
const RANGE = methods.message("etcdserverpb.RangeRequest");
const TXN = methods.message("etcdserverpb.TxnRequest");
const GRANT = methods.message("etcdserverpb.LeaseGrantRequest");
const WATCH = methods.message("etcdserverpb.WatchCreateRequest");

function split(...chunks: (string | Buffer)[]): string[] {
  const found: string[] = [];
  const values = new JsonValues({
    valueBytesMax: 1000,
    onValue: (text) => found.push(text.toString()),
    tooLong: () => new Error("too long"),
  });
  for (const chunk of chunks) values.push(Buffer.from(chunk));
  values.end();
  return found;
}

describe("JsonValues", () => {
  const VALUES = ['{"a":[1,-0.5e+3,{}],"b\\"\\u00e4":"}"}', "[]", "true", "12", '"x"', "null"];

  it("finds values however they come", () => {
    const whole = VALUES.join(" \n");
    expect(split(whole)).toEqual(VALUES);
    expect(split(...whole)).toEqual(VALUES);
    expect(split(" ", "")).toEqual([]);
    expect(split("{}{}")).toEqual(["{}", "{}"]);
  });

  it("passes over what follows where only one counts", () => {
    const found: string[] = [];
    const options = { isOne: true, valueBytesMax: 9, tooLong: () => new Error("too long") };
    const values = new JsonValues({ ...options, onValue: (text) => found.push(text.toString()) });
    for (const chunk of ["12", " x", "and so on for long"]) values.push(Buffer.from(chunk));
    values.end();
    expect(found).toEqual(["12"]);
    expect(values.heldBytes).toBe(0);
  });

  // Each text as etcd 3.7.1's gateway says it.
  it.each([
    ['{"key":', "unexpected EOF"],
    ["tru", "unexpected EOF"],
    ["x", "invalid character 'x' looking for beginning of value"],
    ["{'a':1}", "invalid character '\\'' looking for beginning of object key string"],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":1 "b"}', "invalid character '\"' after object key:value pair"],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
    ["[1 2]", "invalid character '2' after array element"],
    ["[1,]", "invalid character ']' looking for beginning of value"],
    ['"a\nb"', "invalid character '\\n' in string literal"],
    ['"\\q"', "invalid character 'q' in string escape code"],
    ['"\\u12x4"', "invalid character 'x' in \\u hexadecimal character escape"],
    ["[-a]", "invalid character 'a' in numeric literal"],
    ["[1.]", "invalid character ']' after decimal point in numeric literal"],
    ["[1e+]", "invalid character ']' in exponent of numeric literal"],
    ["[01]", "invalid character '1' after array element"],
    ["nil", "invalid character 'i' in literal null (expecting 'u')"],
    ["}", "invalid character '}' looking for beginning of value"],
    [Buffer.from([0xff]), "invalid character 'ÿ' looking for beginning of value"],
    [Buffer.from([0x7f]), "invalid character '\\x7f' looking for beginning of value"],
    ["[".repeat(1001), "exceeded max depth"],
    [`"${"a".repeat(1000)}"`, "too long"],
  ])("refuses %s", (text, message) => {
    expect(() => split(text)).toThrow(message);
  });
});

function decoded(json: string): etcdserverpb.RangeRequest {
  return etcdserverpb.RangeRequest.decode(jsonToMessage(RANGE, Buffer.from(json)));
}

describe("jsonToMessage", () => {
  it("takes fields by both names, and every form of a value", () => {
    const request = decoded(
      '{ "key" : "_-8", "rangeEnd": "AA==", "limit":"12", "sort_order": "DESCEND", "sortTarget": 3,' +
        '"serializable":true, "keys_only":null, "max_mod_revision":1.2e1, "none":[{"a":"\\"]"}]}',
    );
    expect(request).toMatchObject({
      key: new Uint8Array([0xff, 0xef]),
      rangeEnd: new Uint8Array(1),
      ...{ limit: 12, sortOrder: 2, sortTarget: 3, serializable: true, keysOnly: false },
      maxModRevision: 12,
    });
    expect(decoded('{"sort_order":"OTHER","key":"YQ"}').sortOrder).toBe(0);
  });

  it("keeps every digit of a number", () => {
    for (const id of ["7587890123456789012", '"7587890123456789012"', "7587890123456789012.0"]) {
      const bytes = jsonToMessage(GRANT, Buffer.from(`{"TTL":10,"ID":${id}}`));
      expect(etcdserverpb.LeaseGrantRequest.decode(bytes)).toEqual({
        TTL: 10,
        ID: 7587890123456789012n,
      });
    }
  });

  it("reads messages within messages, and sets what a oneof names", () => {
    const json =
      '{"compare":[{"target":"VERSION","key":"YQ==","version":"0"}],' +
      '"success":[{"request_put":{"key":"YQ=="}},{"requestTxn":{}}]}';
    const txn = etcdserverpb.TxnRequest.decode(jsonToMessage(TXN, Buffer.from(json)));
    expect(txn.compare[0]!.targetUnion).toEqual({ $case: "version", value: 0 });
    expect(txn.success.map(({ request }) => request?.$case)).toEqual(["requestPut", "requestTxn"]);
  });

  // Each text as etcd 3.7.1's gateway says it.
  it.each([
    ['{"key":12}', "(line 1:8): invalid value for bytes field key: 12"],
    ['{\n "ä":0, "key":"!!"}', '(line 2:15): invalid value for bytes field key: "!!"'],
    ['{"key":"YQ="}', '(line 1:8): invalid value for bytes field key: "YQ="'],
    ['{"key":"Y"}', '(line 1:8): invalid value for bytes field key: "Y"'],
    ['{"key":{}}', "(line 1:8): invalid value for bytes field key: {"],
    ['{"limit":1.5}', "(line 1:10): invalid value for int64 field limit: 1.5"],
    ['{"limit":" 1"}', '(line 1:10): invalid value for int64 field limit: " 1"'],
    ['{"limit":9223372036854775808}', "invalid value for int64 field limit: 9223372036854775808"],
    ['{"limit":true}', "invalid value for int64 field limit: true"],
    ['{"keys_only":1}', "(line 1:14): invalid value for bool field keysOnly: 1"],
    ['{"sort_order":1.5}', "invalid value for enum field sortOrder: 1.5"],
    ['{"key":"","key":""}', '(line 1:11): duplicate field "key"'],
    ['{"range_end":"","rangeEnd":""}', '(line 1:17): duplicate field "rangeEnd"'],
    ["[1]", "syntax error (line 1:1): unexpected token ["],
    ['"a"', 'syntax error (line 1:1): unexpected token "a"'],
    ['{"key":"\\ud800"}', "proto: unexpected EOF"],
    [
      '{"key":"\\ud83d\\ude00\\\\ud8\\udc00abcdef"}',
      'syntax error (line 1:8): invalid escape code "abcdef" in string',
    ],
  ])("refuses %s", (json, message) => {
    expect(() => decoded(json)).toThrow(message);
  });

  it("refuses a second field of a oneof, lists that are none, and bytes that are no UTF-8", () => {
    const union = Buffer.from('{"compare":[{"version":"1","modRevision":2}]}');
    expect(() => jsonToMessage(TXN, union)).toThrow(
      '(line 1:28): error parsing "modRevision", oneof etcdserverpb.Compare.target_union is already set',
    );
    const list = Buffer.from('{"filters":{}}');
    expect(() => jsonToMessage(WATCH, list)).toThrow(
      "syntax error (line 1:12): unexpected token {",
    );
    const user = methods.message("etcdserverpb.AuthUserGetRequest");
    const latin = Buffer.from('{"name":"\xff"}', "latin1");
    expect(() => jsonToMessage(user, latin)).toThrow("(line 1:9): invalid UTF-8 in string");
  });

  it("leaves out what a list of enums names and there is not", () => {
    const bytes = jsonToMessage(WATCH, Buffer.from('{"filters":["NOPUT","X","NODELETE"]}'));
    expect(etcdserverpb.WatchCreateRequest.decode(bytes).filters).toEqual([0, 1]);
  });
});

describe("messageToJson", () => {
  it("writes the names of the .proto files and leaves defaults out", () => {
    const response = etcdserverpb.WatchResponse.fromPartial({
      header: { clusterId: 2n ** 64n - 1n, revision: 3 },
      watchId: -1,
      compactRevision: 0,
      cancelReason: 'a"<\u2028\n',
      events: [{ type: 1, kv: { key: new Uint8Array([255]), lease: -5n } }, { type: 0 }],
    });
    const bytes = etcdserverpb.WatchResponse.encode(response).finish();
    expect(messageToJson(methods.message("etcdserverpb.WatchResponse"), bytes)).toBe(
      '{"header":{"cluster_id":"18446744073709551615","revision":"3"},"watch_id":"-1",' +
        '"cancel_reason":"a\\"<\u2028\\n",' +
        '"events":[{"type":"DELETE","kv":{"key":"/w==","lease":"-5"}},{}]}',
    );
  });

  it("says what protobuf-es says of random messages", () => {
    const seed = Number(process.env.KVORUM_SEED ?? Date.now() % 1_000_000);
    console.log(`KVORUM_SEED=${seed}`);
    const prng = createPrng(seed);
    const ids = [0n, 1n, -1n, 2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)];
    const pick = <T>(values: readonly T[]) => values[Math.floor(prng.float() * values.length)]!;
    for (let round = 0; round < 300; round++) {
      const kv = {
        ...{ key: Buffer.alloc(pick([0, 1, 2, 3, 300]), 0xfb), lease: pick(ids) },
        ...{ modRevision: pick([0, 5, 2 ** 40]), version: pick([0, 1]) },
      };
      const range = { kvs: pick([[], [kv], [kv, {}, kv]]), more: pick([true, false]) };
      const bytes = etcdserverpb.TxnResponse.encode(
        etcdserverpb.TxnResponse.fromPartial({
          header: pick([undefined, { memberId: BigInt.asUintN(64, pick(ids)), revision: 7 }]),
          responses: [
            { response: { $case: "responseRange" as const, value: range } },
            {
              response: { $case: "responsePut" as const, value: { prevKv: pick([undefined, kv]) } },
            },
            {
              response: {
                $case: "responseTxn" as const,
                value: { succeeded: pick([true, false]) },
              },
            },
          ].slice(0, pick([0, 1, 3])),
        }),
      ).finish();
      const desc = methods.message("etcdserverpb.TxnResponse");
      const theirs = toJsonString(desc, fromBinary(desc, bytes), { useProtoFieldName: true });
      expect(messageToJson(desc, bytes)).toBe(theirs);
    }
  });

  it("writes every kind of field", () => {
    const alarms = etcdserverpb.AlarmResponse.fromPartial({ alarms: [{ alarm: 2 }, { alarm: 0 }] });
    const hash = etcdserverpb.HashKVResponse.fromPartial({ hash: 2 ** 32 - 1, hashRevision: 0 });
    const member = { name: "", peerURLs: ["http://a", ""], isLearner: true, ID: 2n ** 63n };
    const list = etcdserverpb.MemberListResponse.fromPartial({ members: [member] });
    const keys = [Buffer.from("a"), Buffer.alloc(0)];
    const lease = etcdserverpb.LeaseTimeToLiveResponse.fromPartial({ TTL: -1, keys });
    const cases: [string, Uint8Array, string][] = [
      [
        "Alarm",
        etcdserverpb.AlarmResponse.encode(alarms).finish(),
        '{"alarms":[{"alarm":"CORRUPT"},{}]}',
      ],
      ["Alarm", Buffer.from([0x12, 2, 0x10, 9]), '{"alarms":[{"alarm":9}]}'],
      ["HashKV", etcdserverpb.HashKVResponse.encode(hash).finish(), '{"hash":4294967295}'],
      [
        "MemberList",
        etcdserverpb.MemberListResponse.encode(list).finish(),
        '{"members":[{"ID":"9223372036854775808","peerURLs":["http://a",""],"isLearner":true}]}',
      ],
      [
        "LeaseTimeToLive",
        etcdserverpb.LeaseTimeToLiveResponse.encode(lease).finish(),
        '{"TTL":"-1","keys":["YQ==",""]}',
      ],
      // Field 15 is none of it.
      ["Put", Buffer.from([0x7a, 1, 0x61, 0x0a, 0]), '{"header":{}}'],
    ];
    for (const [name, bytes, json] of cases) {
      expect(messageToJson(methods.message(`etcdserverpb.${name}Response`), bytes)).toBe(json);
    }
  });
});
