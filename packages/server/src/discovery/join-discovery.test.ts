import { SimulatedClock } from "@kvorum/base";
import { beforeEach, describe, expect, test } from "vitest";
import { recordingLogger } from "../observe/testing/recording-logger.js";
import type { DiscoveryKv } from "./discovery-kv.js";
import { joinDiscovery } from "./join-discovery.js";

const PREFIX = "/_etcd/registry/tok";
const SIZE_KEY = `${PREFIX}/_config/size`;

let clock: SimulatedClock;
let keys: Map<string, { value: string; createRevision: number }>;
let revision: number;
/** Requests that still fail. */
let failures: number;
let backoffs: unknown[];

const kv: DiscoveryKv = {
  async get(key) {
    mayFail();
    const found = keys.get(key);
    return found && { key, ...found };
  },
  async list(prefix) {
    mayFail();
    return [...keys].filter(([key]) => key.startsWith(prefix)).map(([key, kv]) => ({ key, ...kv }));
  },
  async put(key, value) {
    mayFail();
    keys.set(key, { value, createRevision: keys.get(key)?.createRevision ?? ++revision });
  },
  close() {},
};

function mayFail(): void {
  if (failures === 0) return;
  failures--;
  throw new Error("connection refused");
}

beforeEach(() => {
  clock = new SimulatedClock();
  keys = new Map();
  [revision, failures, backoffs] = [0, 0, []];
});

function join(id: bigint): Promise<string> {
  const self = `m${id}=http://10.0.0.${id}:2380`;
  const logger = recordingLogger((_level, _message, { backoff }) => {
    if (backoff !== undefined) backoffs.push(backoff);
  });
  const joining = joinDiscovery({ kv, token: "tok", id, self, clock, logger });
  joining.catch(() => {});
  return joining;
}

test("three find each other, in the order of their registrations, under their ids in hex", async () => {
  await kv.put(SIZE_KEY, "3");
  const joining = [join(16n)];
  await clock.run(2_000);
  joining.push(join(3n), join(2n));
  await clock.run(2_000);
  const cluster = "m16=http://10.0.0.16:2380,m3=http://10.0.0.3:2380,m2=http://10.0.0.2:2380";
  expect(await Promise.all(joining)).toEqual([cluster, cluster, cluster]);
  expect([...keys.keys()]).toEqual([
    ...[SIZE_KEY, `${PREFIX}/members/10`, `${PREFIX}/members/3`, `${PREFIX}/members/2`],
  ]);
});

test("one that registered before a restart keeps its place", async () => {
  await kv.put(SIZE_KEY, "1");
  const cluster = "m1=http://10.0.0.1:2380";
  expect(await join(1n)).toBe(cluster);
  expect(await join(1n)).toBe(cluster);
});

describe("refusals", () => {
  const refusal = (text: string) => `failed to join discovery cluster (discovery: ${text})`;

  test("no size, or none that is a number above 0", async () => {
    await expect(join(1n)).rejects.toThrow(refusal("size key not found"));
    for (const size of ["0", "-1", "three", ""]) {
      await kv.put(SIZE_KEY, size);
      await expect(join(1n)).rejects.toThrow(refusal("size key is bad"));
    }
  });

  test("a full cluster, before and after registering", async () => {
    await kv.put(SIZE_KEY, "1");
    await join(1n);
    await expect(join(2n)).rejects.toThrow(refusal("cluster is full"));
    expect(keys.has(`${PREFIX}/members/2`)).toBe(false);
    await kv.put(`${PREFIX}/members/3`, "m3=http://10.0.0.3:2380");
    await expect(join(3n)).rejects.toThrow(refusal("cluster is full"));
  });

  test("an entry that is no member's", async () => {
    await kv.put(SIZE_KEY, "2");
    await kv.put(`${PREFIX}/members/7`, "m7=nowhere");
    await expect(join(1n)).rejects.toThrow(refusal("invalid peer URL"));
  });
});

test("a service that doesn't answer is asked again, ever more seldom", async () => {
  await kv.put(SIZE_KEY, "1");
  failures = 10;
  const joining = join(1n);
  await clock.run(3_600_000);
  expect(await joining).toBe("m1=http://10.0.0.1:2380");
  expect(backoffs).toEqual([
    ...["2s", "4s", "8s", "16s", "32s", "1m4s", "2m8s", "4m16s", "4m16s", "4m16s"],
  ]);
});
