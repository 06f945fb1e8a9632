import { createPrng } from "@kvorum/base";
import { describe, expect, it } from "vitest";
import {
  ConfChangeType,
  createRawNode,
  decodeConfChange,
  type Entry,
  EntryType,
  encodeConfChange,
  MessageType,
  type RawNode,
  type RawNodeOptions,
  type Ready,
} from "./index.js";

const noConfState = { learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };

function options(overrides: Partial<RawNodeOptions> = {}): RawNodeOptions {
  return {
    id: 1n,
    electionTicks: 10,
    heartbeatTicks: 1,
    preVote: true,
    checkQuorum: true,
    messageBytesMax: 1 << 20,
    inflightMessagesMax: 512,
    inflightBytesMax: 0,
    uncommittedBytesMax: 0,
    committedBytesMax: 1 << 20,
    disableForwarding: false,
    prng: createPrng(1),
    hardState: { term: 0, vote: 0n, commit: 0 },
    confState: { voters: [1n], ...noConfState },
    compacted: { index: 0, term: 0 },
    entries: [],
    applied: 0,
    snapshot: () => undefined,
    ...overrides,
  };
}

function drain(node: RawNode): void {
  while (node.hasReady()) handle(node, node.ready());
}

function handle(node: RawNode, ready: Ready): void {
  node.saved(ready);
  const last = ready.committedEntries.at(-1);
  if (last !== undefined) node.applied(last.index);
}

function singleLeader(overrides: Partial<RawNodeOptions> = {}): RawNode {
  const node = createRawNode(options(overrides));
  node.campaign();
  drain(node);
  return node;
}

const payload = (size: number): Uint8Array => new Uint8Array(size);

describe("a single voter", () => {
  it("leads only once its own vote is saved", () => {
    const node = createRawNode(options());
    node.campaign();
    const vote = node.ready();
    expect(vote.hardState).toEqual({ term: 1, vote: 1n, commit: 0 });
    expect(vote.mustSync).toBe(true);
    expect(node.isLeader).toBe(false);
    node.saved(vote);
    expect(node.isLeader).toBe(true);
  });

  it("commits and delivers only what is saved, with several Readys in flight", () => {
    const node = singleLeader();
    expect(node.propose([payload(1), payload(2)])).toEqual({ ok: true });
    const first = node.ready();
    node.propose([payload(3)]);
    const second = node.ready();
    expect(first.entries.map((entry) => entry.index)).toEqual([2, 3]);
    expect(second.entries.map((entry) => entry.index)).toEqual([4]);
    expect(second.committedEntries).toEqual([]);
    expect(node.hasReady()).toBe(false);
    node.saved(first);
    expect(node.committedIndex).toBe(3);
    const third = node.ready();
    expect(third.committedEntries.map((entry) => entry.index)).toEqual([2, 3]);
    expect(third.mustSync).toBe(false);
    node.saved(second);
    expect(node.ready().committedEntries.map((entry) => entry.index)).toEqual([4]);
  });

  it("refuses saves out of order", () => {
    const node = singleLeader();
    node.propose([payload(1)]);
    node.ready();
    node.propose([payload(1)]);
    const second = node.ready();
    expect(() => node.saved(second)).toThrow("saved out of order");
  });

  it("answers a read at once, but not before an entry of its term is committed", () => {
    const node = createRawNode(options());
    node.campaign();
    node.saved(node.ready());
    expect(node.isLeader).toBe(true);
    node.readIndex(Uint8Array.of(7));
    const empty = node.ready();
    expect(empty.readStates).toEqual([]);
    expect(node.confirmsReadsAlone).toBe(false);
    node.saved(empty);
    expect(node.confirmsReadsAlone).toBe(true);
    const context = Uint8Array.of(7);
    expect(node.ready().readStates).toEqual([{ index: 1, context }]);
    node.readIndex(context);
    expect(node.ready().readStates).toEqual([{ index: 1, context }]);
  });

  it("confirms reads alone as long as there is no other voter", () => {
    const node = singleLeader();
    const add = (type: ConfChangeType, nodeId: bigint) =>
      node.applyConfChange({ id: 1n, type, nodeId, context: Uint8Array.of() });
    expect(node.matchedByAll).toBe(node.lastIndex);
    add(ConfChangeType.AddLearnerNode, 2n);
    expect(node.confirmsReadsAlone).toBe(true);
    expect(node.matchedByAll).toBe(0);
    add(ConfChangeType.AddNode, 2n);
    expect(node.confirmsReadsAlone).toBe(false);
    add(ConfChangeType.RemoveNode, 1n);
    expect(node.confirmsReadsAlone).toBe(false);
  });

  it("delivers committed entries in pieces of committedBytesMax", () => {
    const node = singleLeader({ committedBytesMax: 250 });
    node.propose([payload(100), payload(100), payload(100)]);
    node.saved(node.ready());
    expect(node.ready().committedEntries.map((entry) => entry.index)).toEqual([2, 3]);
    expect(node.hasReady()).toBe(true);
    expect(node.ready().committedEntries.map((entry) => entry.index)).toEqual([4]);
    expect(node.hasReady()).toBe(false);
  });

  it("restarts from its disk without delivering twice", () => {
    const node = singleLeader();
    node.propose([payload(1), payload(2), payload(3)]);
    const { entries } = node.ready();
    const restarted = createRawNode(
      options({
        hardState: { term: 1, vote: 1n, commit: 3 },
        compacted: { index: 1, term: 1 },
        entries,
        applied: 2,
      }),
    );
    expect(restarted.ready().committedEntries.map((entry) => entry.index)).toEqual([3]);
    expect(restarted.termAt(1)).toBe(1);
    expect(restarted.termAt(0)).toBeUndefined();
    expect(restarted.lastIndex).toBe(4);
  });

  it("says why a proposal is refused", () => {
    const node = createRawNode(options());
    expect(node.propose([payload(1)])).toEqual({ ok: false, reason: "no-leader" });
    expect(node.readIndex(payload(8))).toEqual({ ok: false, reason: "no-leader" });
    const full = singleLeader({ uncommittedBytesMax: 100 });
    expect(full.propose([payload(200)])).toEqual({ ok: true });
    expect(full.propose([payload(1)])).toEqual({ ok: false, reason: "uncommitted-limit" });
    drain(full);
    expect(full.propose([payload(1)])).toEqual({ ok: true });
  });

  it("keeps 15,000 entries and drops the compacted ones", () => {
    const node = singleLeader();
    for (let i = 0; i < 30; i++) {
      node.propose(Array.from({ length: 500 }, () => payload(1)));
      drain(node);
    }
    expect(node.lastIndex).toBe(15_001);
    for (let index = 100; index <= 14_000; index += 100) node.compact(index);
    expect(node.termAt(13_999)).toBeUndefined();
    expect(node.termAt(14_000)).toBe(1);
    expect(node.status().firstIndex).toBe(14_001);
    node.propose([payload(1)]);
    expect(node.ready().entries.map((entry) => entry.index)).toEqual([15_002]);
  });
});

describe("conf changes in the log of a restarted member", () => {
  const changes = ["v2", "v3"].map((word, at): Entry => {
    const change = { id: 0n, type: ConfChangeType.AddNode, nodeId: BigInt(word[1]!) };
    const { type, data } = encodeConfChange({ ...change, context: payload(0) });
    return { type, term: 1, index: at + 2, data };
  });
  const first: Entry = { type: EntryType.Normal, term: 1, index: 1, data: payload(0) };
  const disk = { entries: [first, ...changes], hardState: { term: 1, vote: 1n, commit: 0 } };

  it("prove that those before the last one are committed", () => {
    const node = createRawNode(options(disk));
    expect(node.committedIndex).toBe(2);
    expect(node.ready().hardState?.commit).toBe(2);
  });

  it("have to be applied before it may campaign", () => {
    const node = createRawNode(options(disk));
    node.campaign();
    expect(node.status().softState.role).toBe("follower");
    const ready = node.ready();
    const change = decodeConfChange(ready.committedEntries[1]!.type, changes[0]!.data)!;
    expect(node.applyConfChange(change).voters).toEqual([1n, 2n]);
    handle(node, ready);
    node.campaign();
    expect(node.status().softState.role).toBe("pre-candidate");
  });
});

describe("a group of three", () => {
  it("elects a leader and replicates", () => {
    const voters = [1n, 2n, 3n];
    const nodes = voters.map((id) =>
      createRawNode(options({ id, confState: { voters, ...noConfState } })),
    );
    const settle = (): void => {
      while (nodes.some((node) => node.hasReady())) {
        for (const node of nodes) {
          if (!node.hasReady()) continue;
          const ready = node.ready();
          handle(node, ready);
          for (const message of [...ready.messages, ...ready.messagesAfterSync]) {
            nodes[Number(message.to) - 1]!.step(message);
          }
        }
      }
    };
    nodes[0]!.campaign();
    settle();
    expect(nodes.map((node) => node.leader)).toEqual([1n, 1n, 1n]);
    nodes[1]!.propose([payload(5)]);
    settle();
    expect(nodes.map((node) => node.appliedIndex)).toEqual([2, 2, 2]);
    expect(nodes.some((node) => node.confirmsReadsAlone)).toBe(false);
    nodes[2]!.readIndex(payload(8));
    nodes[2]!.ready().messages.forEach((message) => {
      expect(message.type).toBe(MessageType.ReadIndex);
      nodes[0]!.step(message);
    });
    const heartbeats = nodes[0]!.ready().messages;
    expect(heartbeats.map((message) => message.context.length)).toEqual([8, 8]);
  });
});
