import type { LogIndex } from "@kvorum/base";
import type {
  ConfChange,
  ConfChangeV2,
  ProposalResult,
  RaftStatus,
  RawNode,
  Ready,
} from "@kvorum/raft";

const NOTHING: Ready = {
  softState: undefined,
  hardState: undefined,
  entries: [],
  snapshot: undefined,
  messages: [],
  messagesAfterSync: [],
  committedEntries: [],
  readStates: [],
  mustSync: false,
};

/** A core that does what a test tells it. What it was asked is kept. */
export class FakeNode implements RawNode {
  readonly id = 1n;
  readonly term = 1;
  leader = 1n;
  isLeader = true;
  isLearner = false;
  confirmsReadsAlone = false;
  matchedByAll: LogIndex = 0;
  committedIndex: LogIndex = 0;
  appliedIndex: LogIndex = 0;
  lastIndex: LogIndex = 0;
  answer: ProposalResult = { ok: true };
  readonly proposed: string[][] = [];
  readonly reads: Uint8Array[] = [];
  readonly savedReadies: Ready[] = [];
  /** Handed out one by one. */
  readonly readies: Ready[] = [];

  propose(data: readonly Uint8Array[]): ProposalResult {
    if (this.answer.ok) this.proposed.push(data.map((bytes) => Buffer.from(bytes).toString()));
    return this.answer;
  }
  readIndex(context: Uint8Array): ProposalResult {
    this.reads.push(Uint8Array.from(context));
    return { ok: true };
  }
  hasReady(): boolean {
    return this.readies.length > 0;
  }
  ready(): Ready {
    return this.readies.shift()!;
  }
  saved(ready: Ready): void {
    this.savedReadies.push(ready);
  }
  applied(index: LogIndex): void {
    this.appliedIndex = index;
  }
  termAt(): undefined {}
  tick(): void {}
  campaign(): void {}
  step(): void {}
  proposeConfChange(_change: ConfChange | ConfChangeV2): ProposalResult {
    return this.answer;
  }
  transferLeader(): void {}
  compact(): void {}
  reportUnreachable(): void {}
  reportSnapshot(): void {}
  applyConfChange(): never {
    throw new Error("no test changes the configuration");
  }
  status(): RaftStatus {
    throw new Error("no test asks for the status");
  }
}

export function readyWith(parts: Partial<Ready>): Ready {
  return { ...NOTHING, ...parts };
}
