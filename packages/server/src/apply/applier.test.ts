import { type DecodedProposal, etcdserverpb, raftinternalpb } from "@kvorum/api";
import { nodeClock } from "@kvorum/base/node";
import { beforeEach, describe, expect, test } from "vitest";
import type { OpenedStore } from "../boot/open-store.js";
import type { AppliedResponse } from "../consensus/applied-response.js";
import { Cluster } from "../membership/cluster.js";
import { recordingLogger } from "../observe/testing/recording-logger.js";
import { Quota } from "../quota.js";
import { openContent } from "../testing/open-content.js";
import { Applier } from "./applier.js";

const { AlarmType, AlarmRequest_AlarmAction: Action } = etcdserverpb;
const QUOTA_BYTES = 10_000;
const NO_SPACE = "etcdserver: mvcc: database space exceeded";
const CORRUPT = "etcdserver: corrupt cluster";

let opened: OpenedStore;
let cluster: Cluster;
let applier: { apply(proposal: DecodedProposal): AppliedResponse };
let sizeBytes: number;
let exceeded: number;
let versions: string[];

beforeEach(async () => {
  opened = await openContent(nodeClock);
  cluster = new Cluster({ id: 1n, store: opened.buffered });
  ({ exceeded, sizeBytes } = { exceeded: 0, sizeBytes: 0 });
  versions = [];
  const real = new Applier({
    ...{ opened, cluster, logger: recordingLogger() },
    quota: new Quota(QUOTA_BYTES, () => sizeBytes),
    onQuotaExceeded: () => void exceeded++,
    onClusterVersion: (version) => void versions.push(version),
  });
  applier = { apply: (proposal) => real.apply(proposal, 1) };
});

const EMPTY: DecodedProposal = {
  ...{ idHigh: 1, idLow: 1, username: "", authRevision: 0 },
  ...{ put: undefined, deleteRange: undefined, txn: undefined, other: undefined },
};
const put = (key: string, fields: Partial<etcdserverpb.PutRequest> = {}): DecodedProposal => ({
  ...EMPTY,
  put: etcdserverpb.PutRequest.fromPartial({ key: Buffer.from(key), ...fields }),
});
const deleteRange = (key: string): DecodedProposal => ({
  ...EMPTY,
  deleteRange: etcdserverpb.DeleteRangeRequest.fromPartial({ key: Buffer.from(key) }),
});
const txn = (...success: etcdserverpb.RequestOp["request"][]): DecodedProposal => ({
  ...EMPTY,
  txn: { compare: [], success: success.map((request) => ({ request })), failure: [] },
});
const other = (request: Partial<raftinternalpb.InternalRaftRequest>): DecodedProposal => ({
  ...EMPTY,
  other: { ...raftinternalpb.InternalRaftRequest.decode(new Uint8Array()), ...request },
});
const grant = (ID: bigint) => other({ leaseGrant: { ID, TTL: 10 } });
const revoke = (ID: bigint) => other({ leaseRevoke: { ID } });
const alarm = (action: etcdserverpb.AlarmRequest_AlarmAction, type: etcdserverpb.AlarmType) =>
  other({ alarm: { action, alarm: type, memberID: 7n } });
const raise = (type: etcdserverpb.AlarmType) => applier.apply(alarm(Action.ACTIVATE, type));
const putOf = (key: string) => ({ $case: "requestPut" as const, value: put(key).put! });

test("writes reach the store in order", () => {
  expect(applier.apply(put("a"))).toMatchObject({ kind: "put", revision: 2 });
  expect(applier.apply(txn(putOf("b")))).toMatchObject({ kind: "txn", revision: 3 });
  expect(applier.apply(deleteRange("a"))).toMatchObject({ deleted: 1, revision: 4 });
  expect(applier.apply(other({ compaction: { revision: 3, physical: false } }))).toMatchObject({
    kind: "compaction",
    revision: 4,
  });
  expect(() => applier.apply(other({ compaction: { revision: 3, physical: false } }))).toThrow(
    "etcdserver: mvcc: required revision has been compacted",
  );
});

test("a refused write leaves nothing behind", () => {
  expect(() => applier.apply(put("a", { lease: 5n }))).toThrow("requested lease not found");
  const refused = { $case: "requestPut" as const, value: put("b", { lease: 5n }).put! };
  expect(() => applier.apply(txn(putOf("a"), refused))).toThrow("requested lease not found");
  expect(opened.store.currentRevision).toBe(1);
});

test("a lease takes its keys along", () => {
  expect(applier.apply(grant(5n))).toEqual({ kind: "leaseGrant", id: 5n, ttl: 10 });
  expect(() => applier.apply(grant(5n))).toThrow("etcdserver: lease already exists");
  applier.apply(put("a", { lease: 5n }));
  expect(applier.apply(revoke(5n))).toEqual({ kind: "leaseRevoke" });
  expect(applier.apply(deleteRange("a"))).toMatchObject({ deleted: 0 });
  expect(() => applier.apply(revoke(5n))).toThrow("etcdserver: requested lease not found");
});

describe("the quota", () => {
  test("exceeded while applying: the write stands, its proposer is told otherwise", () => {
    sizeBytes = QUOTA_BYTES;
    expect(() => applier.apply(put("a"))).toThrow(NO_SPACE);
    expect(() => applier.apply(txn(putOf("b")))).toThrow(NO_SPACE);
    expect(() => applier.apply(grant(5n))).toThrow(NO_SPACE);
    expect(exceeded).toBe(3);
    expect(opened.store.currentRevision).toBe(3);
    expect(opened.lessor.timeToLive(5n)).toBeDefined();
    expect(applier.apply(deleteRange("a"))).toMatchObject({ deleted: 1 });
    expect(exceeded).toBe(3);
  });
});

describe("under NOSPACE", () => {
  beforeEach(() => void raise(AlarmType.NOSPACE));

  test("what costs space is refused before it is written, whatever the size", () => {
    for (const proposal of [put("a"), txn(putOf("a")), grant(5n)]) {
      expect(() => applier.apply(proposal)).toThrow(NO_SPACE);
    }
    expect(opened.store.currentRevision).toBe(1);
    expect(exceeded).toBe(0);
  });

  test("deletes, transactions without puts, revocations and compactions work", () => {
    applier.apply(deleteRange("a"));
    const value = deleteRange("a").deleteRange!;
    applier.apply(txn({ $case: "requestDeleteRange", value }));
    applier.apply(other({ compaction: { revision: 1, physical: false } }));
    applier.apply(alarm(Action.DEACTIVATE, AlarmType.NOSPACE));
    applier.apply(put("a"));
  });
});

test("under CORRUPT whatever touches keys and leases is refused, alarms and members are not", () => {
  applier.apply(grant(5n));
  raise(AlarmType.CORRUPT);
  const compaction = other({ compaction: { revision: 1, physical: false } });
  for (const proposal of [
    ...[put("a"), txn(), deleteRange("a"), compaction, grant(6n), revoke(5n)],
  ]) {
    expect(() => applier.apply(proposal)).toThrow(CORRUPT);
  }
  applier.apply(other({ clusterVersionSet: { ver: "3.7.0" } }));
  applier.apply(alarm(Action.DEACTIVATE, AlarmType.CORRUPT));
  applier.apply(put("a"));
});

describe("alarms", () => {
  const list = (type = AlarmType.NONE) => applier.apply(alarm(Action.GET, type));

  test("are raised once, listed by type, and disarmed", () => {
    const noSpace = { memberID: 7n, alarm: AlarmType.NOSPACE };
    expect(raise(AlarmType.NOSPACE)).toEqual({ kind: "alarm", alarms: [noSpace] });
    expect(raise(AlarmType.NOSPACE)).toEqual({ kind: "alarm", alarms: [noSpace] });
    expect(raise(AlarmType.NONE)).toEqual({ kind: "alarm", alarms: [] });
    expect(list()).toEqual({ kind: "alarm", alarms: [noSpace] });
    expect(list(AlarmType.CORRUPT)).toEqual({ kind: "alarm", alarms: [] });
    const disarm = alarm(Action.DEACTIVATE, AlarmType.NOSPACE);
    expect(applier.apply(disarm)).toEqual({ kind: "alarm", alarms: [noSpace] });
    expect(applier.apply(disarm)).toEqual({ kind: "alarm", alarms: [] });
  });

  test("are in the store", async () => {
    raise(AlarmType.CORRUPT);
    await opened.alarms.load(opened.buffered);
    expect(opened.alarms.list()).toEqual([{ memberID: 7n, alarm: AlarmType.CORRUPT }]);
  });
});

test("the cluster's own entries change the cluster", () => {
  cluster.put({ id: 3n, peerUrls: ["http://p"], isLearner: true, name: "", clientUrls: [] });
  const memberAttributes = { name: "m3", clientUrls: ["http://c"] };
  applier.apply(other({ clusterMemberAttrSet: { memberID: 3n, memberAttributes } }));
  applier.apply(other({ clusterMemberAttrSet: { memberID: 4n, memberAttributes } }));
  expect(cluster.members()).toEqual([
    { id: 3n, peerUrls: ["http://p"], isLearner: true, ...memberAttributes },
  ]);
  applier.apply(other({ clusterVersionSet: { ver: "3.7.0" } }));
  expect([cluster.version, versions]).toEqual(["3.7.0", ["3.7.0"]]);
  applier.apply(other({ downgradeInfoSet: { enabled: true, ver: "3.6.0" } }));
  expect(cluster.downgrade).toEqual({ enabled: true, targetVersion: "3.6.0" });
  applier.apply(other({ downgradeInfoSet: { enabled: false, ver: "3.6.0" } }));
  expect(cluster.downgrade).toEqual({ enabled: false, targetVersion: "" });
});
