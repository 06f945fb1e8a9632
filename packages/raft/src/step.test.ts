import { createPrng, InvariantError } from "@kvorum/base";
import { describe, expect, it } from "vitest";
import { noConfState } from "./conf-state.js";
import { createMessage } from "./messages.js";
import { Disk } from "./testing/disk.js";
import { Host } from "./testing/host.js";
import { EntryType, type Message, MessageType } from "./types.js";

function hostOf(id: bigint, sent: Message[] = []): Host {
  const disk = new Disk();
  disk.confState = { ...noConfState, voters: [1n, 2n, 3n] };
  return new Host(id, { disk, tuning: {}, sinks: { send: (message) => sent.push(message) } });
}

/** Member 1 leads term 1; the votes of the others are made up. */
function leader(sent: Message[] = []): Host {
  const host = hostOf(1n, sent);
  host.node.campaign();
  host.handleReady();
  host.node.step(createMessage(MessageType.VoteResp, { from: 2n, to: 1n, term: 1 }));
  host.handleReady();
  expect(host.node.isLeader).toBe(true);
  return host;
}

describe("messages that nobody should send", () => {
  it("drops those that only the host may cause", () => {
    const host = leader();
    const types = [MessageType.Hup, MessageType.CheckQuorum, MessageType.SnapStatus] as const;
    for (const type of types) host.node.step(createMessage(type, { from: 2n, to: 1n, term: 1 }));
    expect(host.node).toMatchObject({ isLeader: true, term: 1 });
    expect(host.node.hasReady()).toBe(false);
  });

  it("drops answers of strangers, whatever their term", () => {
    const host = leader();
    host.node.step(createMessage(MessageType.AppResp, { from: 9n, to: 1n, term: 50 }));
    expect(host.node).toMatchObject({ isLeader: true, term: 1 });
  });

  it("drops a leader's message without a term", () => {
    const host = hostOf(2n);
    host.node.step(createMessage(MessageType.Heartbeat, { from: 1n, to: 2n, term: 0 }));
    expect(host.node.leader).toBe(0n);
  });

  it("ignores an acknowledgement of what was never sent", () => {
    const host = leader();
    const ack = createMessage(MessageType.AppResp, { from: 2n, to: 1n, term: 1 });
    ack.index = 1_000;
    host.node.step(ack);
    expect(host.node.status().progress.get(2n)?.match).toBe(0);
  });

  it("takes an answer to a message of an older term for no acknowledgement", () => {
    const disk = new Disk();
    disk.confState = { ...noConfState, voters: [1n, 2n, 3n] };
    const data = new Uint8Array(1);
    disk.entries = [1, 2, 3].map((index) => ({ type: EntryType.Normal, term: 1, index, data }));
    disk.hardState = { term: 1, vote: 1n, commit: 3 };
    const host = new Host(1n, { disk, tuning: {}, sinks: { send: () => {} } });
    host.node.campaign();
    host.handleReady();
    host.node.step(createMessage(MessageType.VoteResp, { from: 2n, to: 1n, term: 2 }));
    host.handleReady();
    expect(host.node.isLeader).toBe(true);
    // Member 3 was asked by this leader in term 1 and answers it in term 2, with no position.
    host.node.step(createMessage(MessageType.AppResp, { from: 3n, to: 1n, term: 2 }));
    expect(host.node.status().progress.get(3n)).toMatchObject({ state: "probe", next: 4 });
  });

  it("reads no context but one of 8 bytes", () => {
    const host = leader();
    const ack = createMessage(MessageType.AppResp, { from: 2n, to: 1n, term: 1 });
    ack.index = 1;
    host.node.step(ack);
    host.handleReady();
    host.node.readIndex(Uint8Array.of(1));
    host.handleReady();
    for (const length of [0, 7, 9]) {
      const echo = createMessage(MessageType.HeartbeatResp, { from: 2n, to: 1n, term: 1 });
      echo.context = new Uint8Array(length).fill(255);
      host.node.step(echo);
      expect(host.node.ready().readStates).toEqual([]);
    }
  });
});

describe("broken invariants", () => {
  it("ends the process when a second leader of the term appears", () => {
    const { node } = leader();
    const heartbeat = createMessage(MessageType.Heartbeat, { from: 2n, to: 1n, term: 1 });
    expect(() => node.step(heartbeat)).toThrow(InvariantError);
  });

  it("ends the process when the log has lost what it acknowledged", () => {
    const { node } = hostOf(2n);
    const heartbeat = createMessage(MessageType.Heartbeat, { from: 1n, to: 2n, term: 1 });
    heartbeat.commit = 5;
    expect(() => node.step(heartbeat)).toThrow("tocommit(5) is out of range [lastIndex(0)]");
  });
});

it("survives any message of a member but for broken invariants", () => {
  const prng = createPrng(5);
  for (let run = 0; run < 300; run++) {
    const host = prng.below(2) === 0 ? leader() : hostOf(2n);
    for (let i = 0; i < 20; i++) {
      try {
        host.node.step(randomMessage(host, prng.below));
        while (host.node.hasReady()) host.handleReady();
      } catch (error) {
        expect(error).toBeInstanceOf(InvariantError);
        break;
      }
    }
  }
});

function randomMessage(host: Host, below: (bound: number) => number): Message {
  const from = BigInt(1 + below(4));
  const term = below(4);
  const type = below(24) as MessageType;
  const index = below(4);
  const entries = Array.from({ length: below(3) }, (_, at) => {
    const data = new Uint8Array(below(3));
    return { type: below(3) as 0 | 1 | 2, term: below(3), index: index + 1 + at, data };
  });
  return {
    ...createMessage(type, { from, to: host.id, term }),
    index,
    logTerm: below(3),
    commit: below(3),
    entries,
    reject: below(2) === 0,
    rejectHint: below(4),
    context: new Uint8Array(below(2) * 8),
  };
}
