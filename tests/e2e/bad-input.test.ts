import { etcdserverpb } from "@kvorum/api";
import { createPrng, type Prng } from "@kvorum/base";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type ServerProcess, startKvorum } from "../support/processes.js";
import { grpcFrame, rawBytes, rawCall } from "../support/raw-grpc.js";
import { kv, lease, maintenance, put, Rpc, range } from "../support/rpc.js";

/** Requests that are wrong in every way: each gets its answer, and others are served on. */

const seed = Number(process.env.KVORUM_SEED ?? Date.now() % 2 ** 32);
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const PUT = "/etcdserverpb.KV/Put";
const TXN = "/etcdserverpb.KV/Txn";

let node: ServerProcess;
let other: Rpc;
let served = 0;

beforeAll(async () => {
  node = await startKvorum("memory");
  other = new Rpc(node.endpoint);
});
afterAll(async () => {
  other.close();
  await node.stop();
});

/** Another client, which did nothing wrong, writes and reads on the connection it always had. */
afterEach(async () => {
  const value = Buffer.from(String(served++));
  expect(node.log(), "the node ended").not.toContain('"fatal"');
  await other.call(kv.put, put({ key: Buffer.from("other"), value }));
  const found = await other.call(kv.range, range({ key: Buffer.from("other") }));
  expect(found.kvs[0]?.value).toEqual(value);
});

const call = (path: string, body: Uint8Array) => rawCall(node.endpoint, path, grpcFrame(body));

describe("protobuf", () => {
  test.each([
    ["a key's length without its end", [0x0a, 0xff]],
    ["a key that ends before its length", [0x0a, 0x20, 0x61]],
    ["a varint of eleven bytes", [0x18, ...Array(11).fill(0xff), 0x01]],
    ["an unknown wire type", [0x0f]],
    ["a group that nobody began", [0x0c]],
    ["an unknown field without its bytes", [0xfa, 0x07, 0x10]],
  ])("%s is answered with INTERNAL", async (_name, bytes) => {
    const answer = await call(PUT, Uint8Array.from(bytes));
    expect(answer).toMatchObject({ httpStatus: 200, grpcStatus: 13 });
    expect(answer.grpcMessage).toMatch(/^grpc: /);
  });

  test("transactions in transactions, a hundred thousand deep, are refused", async () => {
    for (const depth of [200, 10_000, 100_000]) {
      const answer = await call(TXN, nestedTxn(depth));
      expect([3, 13]).toContain(answer.grpcStatus);
    }
  });

  // Generated decoders stop at an end-group tag. What follows must not become fields of the entry in
  // the log, which every member would then fail to apply at each start.
  test.each([
    ["/etcdserverpb.KV/Compact", [0x08, 0x01]],
    ["/etcdserverpb.Lease/LeaseRevoke", [0x08, 0x01]],
    ["/etcdserverpb.Maintenance/Alarm", []],
  ])("bytes behind an end-group tag to %s stay out of the log", async (path, fields) => {
    const answer = await call(path, Uint8Array.from([...fields, 0x0c, 0xff, 0xff]));
    expect(answer.grpcStatus).toBeDefined();
  });

  test("groups in groups are refused", async () => {
    const groups = Buffer.concat([Buffer.alloc(5_000, 0x53), Buffer.alloc(5_000, 0x54)]);
    for (const path of [PUT, "/etcdserverpb.KV/Compact", "/etcdserverpb.Lease/LeaseGrant"]) {
      expect((await call(path, groups)).grpcStatus, path).toBe(13);
    }
  });

  test.each([
    ["Range", kv.range, range({ key: Buffer.from("k"), revision: Number.MAX_SAFE_INTEGER })],
    ["Compact", kv.compact, { revision: Number.MAX_SAFE_INTEGER, physical: true }],
    ["HashKV", maintenance.hashKV, { revision: Number.MAX_SAFE_INTEGER }],
    ["LeaseGrant", lease.leaseGrant, { ID: -1n, TTL: Number.MAX_SAFE_INTEGER }],
  ])("a number beyond all reason in %s is out of range", async (_name, method, request) => {
    const asked = other.call(method as typeof kv.range, request as etcdserverpb.RangeRequest);
    await expect(asked).rejects.toMatchObject({ code: 11 });
  });

  test("the largest int64 stands for no bound", async () => {
    const int64Max = [...Array(8).fill(0xff), 0x7f];
    const body = Uint8Array.from([0x0a, 1, 0x6b, 0x18, ...int64Max]);
    expect(await call("/etcdserverpb.KV/Range", body)).toMatchObject({ grpcStatus: 0 });
  });
});

describe("sizes", () => {
  const sized = (bytes: number) => put({ key: Buffer.from("k"), value: Buffer.alloc(bytes) });

  test("a request above --max-request-bytes is too large", async () => {
    await expect(other.call(kv.put, sized(1_572_864))).rejects.toMatchObject({
      code: 3,
      details: "etcdserver: request is too large",
    });
  });

  test("a message above the transport's bound is refused before it is read", async () => {
    const body = etcdserverpb.PutRequest.encode(sized(2_200_000)).finish();
    expect(await call(PUT, body)).toMatchObject({
      grpcStatus: 8,
      grpcMessage: `grpc: received message larger than max (${body.length} vs. 2097152)`,
    });
    // Four gigabytes are claimed and never come.
    const claim = grpcFrame(Buffer.from("x"), 0xffff_ffff);
    expect(await rawCall(node.endpoint, PUT, claim)).toMatchObject({
      grpcStatus: 8,
      grpcMessage: "grpc: received message larger than max (4294967295 vs. 2097152)",
    });
  });

  test("129 operations are too many", async () => {
    const ops = (count: number) =>
      Array.from({ length: count }, (_, i) => ({
        request: { $case: "requestPut" as const, value: put({ key: Buffer.from(`many/${i}`) }) },
      }));
    const txn = (count: number) => ({ compare: [], success: ops(count), failure: [] });
    await expect(other.call(kv.txn, txn(129))).rejects.toMatchObject({
      code: 3,
      details: "etcdserver: too many operations in txn request",
    });
    expect((await other.call(kv.txn, txn(128))).succeeded).toBe(true);
  });
});

describe("gRPC", () => {
  test.each([
    ["/etcdserverpb.KV/Nope", 12, "unknown method Nope for service etcdserverpb.KV"],
    ["/nobody.Knows/This", 12, "unknown service nobody.Knows"],
    ["/", 12, /./],
    ["/nonsense", 12, /malformed method name: "\/nonsense"/],
  ])("%s is unknown", async (path, grpcStatus, message) => {
    const answer = await call(path, Buffer.alloc(0));
    expect(answer.grpcStatus).toBe(grpcStatus);
    expect(answer.grpcMessage).toMatch(message);
  });

  test("no message, two messages, half a message and an odd flag are errors of their call", async () => {
    const empty = grpcFrame(Buffer.alloc(0));
    const oddFlag = Buffer.from([7, 0, 0, 0, 0]);
    for (const data of [Buffer.alloc(0), empty.subarray(0, 3), oddFlag]) {
      const answer = await rawCall(node.endpoint, PUT, data);
      expect(answer.grpcStatus, data.toString("hex")).not.toBe(0);
    }
    const twice = await rawCall(node.endpoint, PUT, Buffer.concat([empty, empty]));
    expect(twice.grpcStatus).not.toBe(0);
  });

  test("other content types and methods are none of gRPC's", async () => {
    const body = grpcFrame(Buffer.alloc(0));
    const json = await rawCall(node.endpoint, PUT, body, { "content-type": "application/json" });
    expect(json.httpStatus).toBe(415);
    const get = await rawCall(node.endpoint, PUT, Buffer.alloc(0), { ":method": "GET" });
    expect(get.httpStatus === 405 || get.grpcStatus !== 0).toBe(true);
  });

  test("broken time-outs and unknown encodings are refused", async () => {
    const key = grpcFrame(Uint8Array.from([0x0a, 1, 0x6b]));
    const odd: readonly Record<string, string>[] = [
      { "grpc-timeout": "soon" },
      { "grpc-encoding": "snappy" },
    ];
    for (const headers of odd) {
      const answer = await rawCall(node.endpoint, PUT, key, headers).catch(() => undefined);
      expect(answer?.grpcStatus, JSON.stringify(headers).slice(0, 40)).not.toBe(0);
    }
  });
});

describe("connections", () => {
  const frame = (type: number, flags: number, stream: number, payload: Buffer) => {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(stream, 5);
    return Buffer.concat([head, payload]);
  };
  const settings = frame(4, 0, 0, Buffer.alloc(0));

  test.each<[string, Buffer]>([
    ["noise", Buffer.from(Array.from({ length: 4_096 }, (_, i) => (i * 73) & 0xff))],
    ["a broken HTTP/1.1 request", Buffer.from("GET / HTTP/1.1\r\n: :\r\n\r\n")],
    ["half a preface", PREFACE.subarray(0, 10)],
    ["a preface and noise", Buffer.concat([PREFACE, Buffer.alloc(1_000, 0xee)])],
    ["data before headers", Buffer.concat([PREFACE, settings, frame(0, 0, 1, Buffer.alloc(9))])],
    ["headers on stream 0", Buffer.concat([PREFACE, settings, frame(1, 4, 0, Buffer.from("x"))])],
    ["broken HPACK", Buffer.concat([PREFACE, settings, frame(1, 5, 1, Buffer.alloc(8, 0xff))])],
    ["a frame too large", Buffer.concat([PREFACE, settings, frame(0, 0, 1, Buffer.alloc(70_000))])],
    ["settings of five bytes", Buffer.concat([PREFACE, frame(4, 0, 0, Buffer.alloc(5))])],
  ])("%s end with their connection", async (_name, bytes) => {
    await rawBytes(node.endpoint, bytes);
  });

  test("hundreds that say nothing and go away", async () => {
    const silent = Array.from({ length: 200 }, () => rawBytes(node.endpoint, Buffer.alloc(0), 50));
    await Promise.all(silent);
  });
});

test(`noise and damaged messages to every method (seed ${seed})`, async () => {
  const prng = createPrng(seed);
  const paths = methods();
  expect(paths.length).toBeGreaterThan(20);
  for (const [path, sample] of paths) {
    const bodies = Array.from({ length: 12 }, () =>
      prng.below(3) === 0 ? noise(prng) : damaged(prng, sample),
    );
    await Promise.all(bodies.map((body) => call(path, body)));
    const alive = await other.call(kv.range, range({ key: Buffer.from("other") }));
    expect(alive.header, `after ${path}, seed ${seed}`).toBeDefined();
  }
  // What was accepted is in the log: a start must get over it.
  const { dataDir } = node;
  await node.stop("SIGKILL");
  other.close();
  node = await startKvorum("memory", { dataDir });
  other = new Rpc(node.endpoint);
}, 120_000);

/** Every unary method with a valid message to damage. Streams are left to their own tests. */
function methods(): [string, Uint8Array][] {
  const services = [
    etcdserverpb.KVDefinition,
    etcdserverpb.LeaseDefinition,
    etcdserverpb.MaintenanceDefinition,
    etcdserverpb.ClusterDefinition,
    etcdserverpb.AuthDefinition,
  ];
  return services.flatMap(({ fullName, methods }) =>
    Object.values(methods)
      .filter((method) => !method.requestStream && !method.responseStream)
      .filter((method) => !CHANGES_THE_CLUSTER.has(method.name))
      .map((method): [string, Uint8Array] => [
        `/${fullName}/${method.name}`,
        sampleOf(method.name),
      ]),
  );
}

/** Noise that happened to be valid would stop the node by right. */
const CHANGES_THE_CLUSTER: ReadonlySet<string> = new Set([
  "Alarm",
  "MemberAdd",
  "MemberRemove",
  "MemberUpdate",
  "Downgrade",
]);

function sampleOf(method: string): Uint8Array {
  const key = Buffer.from("fuzz");
  const value = put({ key, value: Buffer.from("value"), lease: 7n, prevKv: true });
  const request = { $case: "requestPut" as const, value };
  const compare = [etcdserverpb.Compare.fromPartial({ key, result: 1, target: 3 })];
  const txn = { compare, success: [{ request }], failure: [{ request }] };
  switch (method) {
    case "Put":
      return etcdserverpb.PutRequest.encode(value).finish();
    case "Txn":
      return etcdserverpb.TxnRequest.encode(txn).finish();
    case "Compact":
      return etcdserverpb.CompactionRequest.encode({ revision: 1, physical: true }).finish();
    case "LeaseGrant":
      return etcdserverpb.LeaseGrantRequest.encode({ ID: 5n, TTL: 60 }).finish();
    default:
      return etcdserverpb.RangeRequest.encode(range({ key, rangeEnd: key, limit: 3 })).finish();
  }
}

function noise(prng: Prng): Uint8Array {
  return Uint8Array.from({ length: prng.below(60) }, () => prng.below(256));
}

function damaged(prng: Prng, sample: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(sample);
  for (let i = 0; i <= prng.below(3); i++) bytes[prng.below(bytes.length)] = prng.below(256);
  return prng.below(3) === 0 ? bytes.subarray(0, prng.below(bytes.length)) : bytes;
}

/** Built from the inside, as a recursive encoder could not. */
function nestedTxn(depth: number): Buffer {
  const parts: Buffer[] = [];
  let length = 0;
  for (let i = 0; i < depth; i++) {
    const inner = wrap(0x22, length);
    const outer = wrap(0x12, length + inner.length);
    parts.push(inner, outer);
    length += inner.length + outer.length;
  }
  return Buffer.concat(parts.reverse());
}

function wrap(tag: number, length: number): Buffer {
  const bytes = [tag];
  let rest = length;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest & 127) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}
