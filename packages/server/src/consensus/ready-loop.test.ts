import { SimulatedClock } from "@kvorum/base";
import { type Entry, EntryType, type Message, MessageType, type Ready } from "@kvorum/raft";
import { beforeEach, expect, test } from "vitest";
import { ProposalIds } from "./proposal-ids.js";
import { Proposer } from "./proposer.js";
import { ReadIndexQueue } from "./read-index.js";
import { ReadyLoop } from "./ready-loop.js";
import { FakeNode, readyWith } from "./testing/fake-node.js";

interface Write {
  readonly indexes: number[];
  readonly commit: number | undefined;
  readonly sync: boolean;
  resolve(): void;
  reject(error: Error): void;
}

let node: FakeNode;
let clock: SimulatedClock;
let proposer: Proposer;
let loop: ReadyLoop;
let writes: Write[];
let events: string[];
let onSend: ((messages: readonly Message[]) => void) | undefined;

beforeEach(() => {
  node = new FakeNode();
  clock = new SimulatedClock();
  writes = [];
  events = [];
  onSend = undefined;
  const ids = new ProposalIds({ memberId: 1n, wallMs: 0 });
  const wake = () => loop.wake();
  proposer = new Proposer({
    ...{ node, ids, clock, wake },
    ...{ requestBytesMax: 1_000, requestTimeoutMs: 7_000 },
  });
  const names = (messages: readonly Message[]) => messages.map(({ to }) => to).join();
  loop = new ReadyLoop({
    ...{ node, clock, proposer },
    reads: new ReadIndexQueue({ node, clock, ids, timeoutMs: 7_000, wake }),
    log: {
      append: (hardState, entries, { sync }) =>
        new Promise((resolve, reject) => {
          const indexes = entries.map(({ index }) => index);
          writes.push({ indexes, commit: hardState?.commit, sync, resolve, reject });
        }),
    },
    apply: (entries) => void events.push(`apply ${entries.map(({ index }) => index)}`),
    send: (messages) => {
      events.push(`send ${names(messages)}`);
      onSend?.(messages);
    },
    snapshots: {
      save: async ({ metadata }) => void events.push(`save snapshot ${metadata.index}`),
      install: async ({ metadata }) => void events.push(`install snapshot ${metadata.index}`),
    },
    onSoftState: ({ role }) => void events.push(role),
    onFault: (error) => void events.push(`fault: ${String(error)}`),
  });
});

const entry = (index: number): Entry => ({
  ...{ type: EntryType.Normal, term: 1, index },
  data: Buffer.from(`${index}`),
});
const appending = (...indexes: number[]): Ready =>
  readyWith({ entries: indexes.map(entry), mustSync: true });
const hardState = (commit: number) => ({ term: 1, vote: 1n, commit });
const messageTo = (to: bigint) => ({ to }) as Message;

async function turn(...readies: Ready[]): Promise<void> {
  node.readies.push(...readies);
  loop.wake();
  await clock.run(0);
}

async function settle(write: Write | undefined): Promise<void> {
  write!.resolve();
  await clock.run(0);
}

test("any number of wakes in one turn make one turn", async () => {
  let turns = 0;
  node.hasReady = () => {
    turns++;
    return false;
  };
  for (let i = 0; i < 5; i++) loop.wake();
  await clock.run(0);
  expect(turns).toBe(1);
});

test("while a batch is written the next one gathers, and goes in one write", async () => {
  await turn(appending(1));
  await turn(appending(2));
  await turn(appending(3, 4), readyWith({ hardState: hardState(1) }));
  expect(writes.map(({ indexes }) => indexes)).toEqual([[1]]);
  await settle(writes[0]);
  expect(writes.map(({ indexes, commit, sync }) => [indexes, commit, sync])).toEqual([
    [[1], undefined, true],
    [[2, 3, 4], 1, true],
  ]);
  await settle(writes[1]);
  expect(node.savedReadies.map(({ entries }) => entries.map(({ index }) => index))).toEqual([
    [1],
    [2],
    [3, 4],
    [],
  ]);
});

test("of the acknowledgements of a batch the last of a row is sent, with the rest, at once", async () => {
  const sent: Message[][] = [];
  const ack = (to: bigint, index: number, reject = false) =>
    ({ type: MessageType.AppResp, to, term: 1, index, reject }) as Message;
  const after = (...messagesAfterSync: Message[]) => readyWith({ messagesAfterSync });
  onSend = (messages) => sent.push([...messages]);
  await turn(appending(1));
  await turn(appending(2), after(ack(2n, 1)), after(ack(2n, 2)), after(ack(2n, 3, true)));
  await turn(after(ack(2n, 4)), after(messageTo(3n)), after(ack(2n, 5)), after(ack(3n, 6)));
  await settle(writes[0]);
  await settle(writes[1]);
  expect(sent).toEqual([
    [ack(2n, 2), ack(2n, 3, true), ack(2n, 4), messageTo(3n), ack(2n, 5), ack(3n, 6)],
  ]);
});

test("the newest hard state of a batch is written; one that needn't be durable isn't synced", async () => {
  await turn(
    readyWith({ hardState: hardState(1) }),
    readyWith({ hardState: hardState(2) }),
    readyWith({ hardState: hardState(3) }),
  );
  await settle(writes[0]);
  expect(writes.map(({ commit, sync }) => [commit, sync])).toEqual([
    [1, false],
    [3, false],
  ]);
});

test("messages go at once, or after the sync when they promise something", async () => {
  await turn(
    readyWith({
      ...{ entries: [entry(1)], mustSync: true, softState: { leader: 1n, role: "leader" } },
      messages: [messageTo(2n)],
      messagesAfterSync: [messageTo(3n)],
    }),
  );
  expect(events).toEqual(["leader", "send 2"]);
  await settle(writes[0]);
  expect(events).toEqual(["leader", "send 2", "send 3"]);
});

test("committed entries are applied while a write is under way", async () => {
  await turn(appending(1));
  await turn(readyWith({ committedEntries: [entry(7), entry(8)] }));
  expect(events).toEqual(["apply 7,8"]);
  expect(node.savedReadies).toEqual([]);
  await settle(writes[0]);
  expect(node.savedReadies.length).toBe(2);
});

test("a Ready without anything to write is acknowledged without a write", async () => {
  await turn(readyWith({ messagesAfterSync: [messageTo(2n)] }));
  expect(writes).toEqual([]);
  expect(node.savedReadies.length).toBe(1);
  expect(events).toEqual(["send 2"]);
});

const snapshotAt = (index: number) => ({
  metadata: { confState: {} as never, index, term: 1 },
  data: new Uint8Array(),
});
const restoring = (index: number, parts: Partial<Ready> = {}): Ready =>
  readyWith({ snapshot: snapshotAt(index), mustSync: true, ...parts });

test("a snapshot is noted, then what follows it is written, then it is installed", async () => {
  await turn(appending(1));
  await turn(appending(2), restoring(9, { entries: [entry(10)], hardState: hardState(9) }));
  await settle(writes[0]);
  expect(events).toEqual([]);
  await settle(writes[1]);
  expect(events).toEqual(["save snapshot 9"]);
  expect(writes.map(({ indexes }) => indexes)).toEqual([[1], [2], [10]]);
  expect(writes[2]!.commit).toBe(9);
  expect(node.savedReadies.length).toBe(2);
  await settle(writes[2]);
  expect(events).toEqual(["save snapshot 9", "install snapshot 9"]);
  expect(node.savedReadies.length).toBe(3);
});

test("of the snapshots that come during an install only the newest is installed", async () => {
  const vote = { ...messageTo(2n), type: MessageType.VoteResp };
  const acknowledgement = { ...messageTo(3n), type: MessageType.AppResp };
  await turn(restoring(9));
  await turn(
    restoring(20, { entries: [entry(21)], messagesAfterSync: [acknowledgement, vote] }),
    restoring(30),
    restoring(40, { hardState: hardState(40) }),
    appending(41),
  );
  await settle(writes[0]);
  await settle(writes[1]);
  expect(writes.map(({ indexes }) => indexes)).toEqual([[], [41]]);
  expect(writes[1]!.commit).toBe(40);
  // Nothing was promised of what was not written, but each Ready is accounted for, in order.
  expect(events).toEqual([
    ...["save snapshot 9", "install snapshot 9", "save snapshot 40", "install snapshot 40"],
    "send 2",
  ]);
  const installed = node.savedReadies.map(({ snapshot }) => snapshot?.metadata.index);
  expect(installed).toEqual([9, 20, 30, 40, undefined]);
});

test("proposals that come during a write wait for its end and go together", async () => {
  await turn(appending(1));
  const owner = { applied: () => {}, failed: () => {} };
  for (const id of [1, 2]) proposer.proposeEncoded(id, Buffer.from(`p${id}`), owner);
  await clock.run(0);
  expect(node.proposed).toEqual([]);
  await settle(writes[0]);
  expect(node.proposed).toEqual([["p1", "p2"]]);
});

test("a failed write is a fault, once, and nothing is acknowledged any more", async () => {
  await turn(appending(1));
  await turn(appending(2));
  writes[0]!.reject(new Error("EIO"));
  await clock.run(0);
  await turn(appending(3));
  expect(events).toEqual(["fault: Error: EIO"]);
  expect(writes.length).toBe(1);
  expect(node.savedReadies).toEqual([]);
});

test("a stop waits for the write under way and begins none", async () => {
  await turn(appending(1));
  await turn(appending(2));
  let isStopped = false;
  const stopped = loop.stop().then(() => {
    isStopped = true;
  });
  await clock.run(0);
  expect(isStopped).toBe(false);
  await settle(writes[0]);
  await stopped;
  await turn(appending(3));
  expect(writes.length).toBe(1);
});
