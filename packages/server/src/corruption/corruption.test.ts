import type { MainRevision, MemberId } from "@kvorum/base";
import type { Hashes, RevisionHash } from "@kvorum/mvcc";
import { beforeEach, describe, expect, test } from "vitest";
import { recordingLogger } from "../observe/testing/recording-logger.js";
import type { HashKvReply } from "../peer/peer-client.js";
import { CompactHashChecker } from "./compact-hash-checker.js";
import { checkInitially } from "./initial-check.js";
import { askPeerHashes, type PeerHash } from "./peer-hashes.js";
import { checkPeriodically } from "./periodic-check.js";

const SELF: MemberId = 0xan;
/** By member: what it answers for a revision. */
let peers: Map<MemberId, (revision: MainRevision) => HashKvReply>;
let asked: MainRevision[];
let alarms: MemberId[];
let lines: string[];
const logger = recordingLogger((level, message) => lines.push(`${level} ${message}`));

beforeEach(() => {
  peers = new Map();
  [asked, alarms, lines] = [[], [], []];
});

function hashes(parts: Partial<Hashes> = {}): Hashes {
  return { hash: 7, compactRevision: 5, hashRevision: 10, currentRevision: 10, ...parts };
}

function replies(id: MemberId, parts: Partial<Hashes> = {}): void {
  peers.set(id, (revision) => ({ kind: "hash", ...hashes({ hashRevision: revision, ...parts }) }));
}

async function askPeers(revision: MainRevision): Promise<PeerHash[]> {
  asked.push(revision);
  return [...peers].map(([id, reply]) => ({ id, peerUrls: ["u"], reply: reply(revision) }));
}

const raiseAlarm = (id: MemberId) => void alarms.push(id);

describe("before serving", () => {
  const check = () =>
    checkInitially({ id: SELF, hashKv: async () => hashes(), askPeers, timeoutMs: 7_000, logger });

  test("equal data passes; the others are asked for this member's revision", async () => {
    replies(1n);
    replies(2n, { currentRevision: 99 });
    await check();
    expect(asked).toEqual([10]);
    expect(lines).toEqual([
      "info starting initial corruption check",
      "info initial corruption checking passed; no corruption",
    ]);
  });

  test("a different hash at the same compaction stops the start", async () => {
    replies(1n);
    replies(2n, { hash: 8 });
    await expect(check()).rejects.toThrow("a found data inconsistency with peers");
    expect(lines).toContain("warn found different hash values from remote peer");
  });

  test("what can't be compared is only told", async () => {
    replies(1n, { hash: 8, compactRevision: 4 });
    peers.set(2n, () => ({ kind: "future-revision" }));
    peers.set(3n, () => ({ kind: "compacted" }));
    peers.set(4n, () => ({ kind: "cluster-mismatch" }));
    peers.set(5n, () => ({ kind: "failed", reason: "refused" }));
    await check();
    expect(lines.slice(1)).toEqual([
      "warn found different compact revision values from remote peer",
      "warn cannot fetch hash from slow remote peer",
      "warn cannot fetch hash from remote peer; local member is behind",
      "warn cluster ID mismatch",
      "info initial corruption checking passed; no corruption",
    ]);
  });
});

describe("from time to time, on the leader", () => {
  let own: Hashes[];
  beforeEach(() => {
    own = [hashes(), hashes({ hash: 9, hashRevision: 12, currentRevision: 12 })];
  });
  const check = () =>
    checkPeriodically({
      ...{ id: SELF, askPeers, raiseAlarm, logger },
      hashKv: async () => own.shift()!,
      catchUp: async () => void lines.push("catch up"),
    });

  test("equal data raises nothing, however far a follower is within the leader's log", async () => {
    replies(1n, { currentRevision: 12 });
    replies(2n, { hash: 1, compactRevision: 3 });
    peers.set(3n, () => ({ kind: "future-revision" }));
    await check();
    expect(alarms).toEqual([]);
    expect(lines).toEqual(["catch up", "info finished peer corruption check"]);
  });

  test.each([
    ["another hash at the same compaction", { hash: 8 }, "same compact revision then hashes must"],
    ["a revision beyond the leader's", { currentRevision: 13 }, "revision from follower must"],
    ["a compaction beyond the leader's", { compactRevision: 6 }, "compact revision from follower"],
  ])("%s raises the alarm for the follower", async (_name, parts, line) => {
    replies(1n);
    replies(2n, parts);
    await check();
    expect(alarms).toEqual([2n]);
    expect(lines.some((each) => each.startsWith(`warn ${line}`))).toBe(true);
  });

  test("at most one alarm a check", async () => {
    replies(1n, { hash: 8 });
    replies(2n, { hash: 8 });
    await check();
    expect(alarms).toEqual([1n]);
  });

  test("a leader that hashes one revision in two ways accuses itself", async () => {
    own = [hashes(), hashes({ hash: 8 })];
    await check();
    expect(alarms).toEqual([SELF]);
    expect(lines).toContain("warn found hash mismatch");
  });
});

describe("compaction hashes", () => {
  let own: RevisionHash[];
  let checker: CompactHashChecker;
  beforeEach(() => {
    own = [
      { revision: 10, compactRevision: 5, hash: 7 },
      { revision: 20, compactRevision: 10, hash: 7 },
    ];
    checker = new CompactHashChecker({
      ...{ id: SELF, askPeers, raiseAlarm, logger },
      compactionHashes: () => own,
    });
  });
  const compactOf = (revision: MainRevision) => (revision === 20 ? 10 : 5);
  const repliesTo = (id: MemberId, hash: (revision: MainRevision) => number) =>
    peers.set(id, (revision) => ({
      kind: "hash",
      ...hashes({ hash: hash(revision), compactRevision: compactOf(revision) }),
    }));

  test("the newest is enough when all agree, and isn't looked at again", async () => {
    repliesTo(1n, () => 7);
    repliesTo(2n, () => 7);
    await checker.check();
    await checker.check();
    expect(asked).toEqual([20]);
    expect(alarms).toEqual([]);
    expect(lines.filter((line) => line.includes("finished compaction hash check"))).toHaveLength(2);
    own.push({ revision: 30, compactRevision: 5, hash: 7 });
    await checker.check();
    expect(asked).toEqual([20, 30]);
  });

  test("one that some member doesn't have is passed over for an older one", async () => {
    repliesTo(1n, () => 7);
    peers.set(2n, (revision) =>
      revision === 20
        ? { kind: "future-revision" }
        : { kind: "hash", ...hashes({ hash: 8, compactRevision: 5 }) },
    );
    await checker.check();
    expect(asked).toEqual([20, 10]);
    expect(alarms).toEqual([2n]);
  });

  test("members outside of the majority get the alarm, the leader too", async () => {
    repliesTo(1n, () => 8);
    repliesTo(2n, () => 8);
    await checker.check();
    expect(alarms).toEqual([SELF]);
    expect(asked).toEqual([20]);
  });

  test("without a majority the whole cluster gets it", async () => {
    repliesTo(1n, () => 8);
    await checker.check();
    expect(alarms).toEqual([0n]);
    expect(lines.filter((line) => line === "error Detected compaction hash mismatch").length).toBe(
      2,
    );
  });

  test("a member that compacted elsewhere is no party to it", async () => {
    peers.set(1n, () => ({ kind: "hash", ...hashes({ hash: 8, compactRevision: 1 }) }));
    await checker.check();
    expect(alarms).toEqual([]);
    expect(asked).toEqual([20, 10]);
  });
});

test("every other member is asked at its URLs in turn until one answers", async () => {
  const calls: string[] = [];
  const member = (id: MemberId, peerUrls: string[]) => ({
    ...{ id, peerUrls, isLearner: false, name: "", clientUrls: [] },
  });
  const ask = askPeerHashes({
    ...{ id: SELF, clusterId: 1n, timeoutMs: 5, logger },
    members: () => [member(SELF, ["self"]), member(1n, ["down", "up"]), member(2n, ["old"])],
    peerClient: {
      async hashKv({ url }, { revision }) {
        calls.push(`${url} ${revision}`);
        if (url === "down") throw new Error("connection refused");
        return url === "old" ? { kind: "compacted" } : { kind: "hash", ...hashes() };
      },
    },
  });
  expect((await ask(3)).map(({ id, reply }) => [id, reply.kind])).toEqual([
    [1n, "hash"],
    [2n, "compacted"],
  ]);
  expect(calls.sort()).toEqual(["down 3", "old 3", "up 3"]);
});
