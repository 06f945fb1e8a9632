import { createPrng } from "@kvorum/base";
import { createRawNode, type RawNode } from "@kvorum/raft";
import type { Stage } from "./stage.js";

const BATCH = 1000;
const DATA = new Uint8Array(300);

/** The consensus core: proposals until they are applied, alone and with two followers. */
export const RAFT_STAGE: Stage = {
  name: "raft",
  isPerEngine: false,
  open() {
    const alone = cluster(1);
    const three = cluster(3);
    const propose = (nodes: readonly RawNode[], count: number) => (): void => {
      const result = nodes[0]!.propose(new Array<Uint8Array>(count).fill(DATA));
      if (!result.ok) throw new Error(`a proposal was refused: ${result.reason}`);
      settle(nodes);
      for (const node of nodes) node.compact(node.status().applied);
    };
    const cases = [
      { name: "1 voter, a batch of 1,000", operations: BATCH, run: propose(alone, BATCH) },
      { name: "1 voter, one at a time", operations: 1, run: propose(alone, 1) },
      { name: "3 voters, a batch of 1,000", operations: BATCH, run: propose(three, BATCH) },
      { name: "3 voters, one at a time", operations: 1, run: propose(three, 1) },
    ];
    return Promise.resolve({ cases, close: () => Promise.resolve() });
  },
};

/** Nodes with the ids 1 to `count`, the first one leading. */
function cluster(count: number): RawNode[] {
  const voters = Array.from({ length: count }, (_, i) => BigInt(i + 1));
  const nodes = voters.map((id) =>
    createRawNode({
      ...{ id, electionTicks: 10, heartbeatTicks: 1, preVote: true, checkQuorum: false },
      ...{ messageBytesMax: 1 << 20, inflightMessagesMax: 512, inflightBytesMax: 0 },
      ...{ uncommittedBytesMax: 0, committedBytesMax: 1 << 26, disableForwarding: false },
      prng: createPrng(Number(id)),
      hardState: { term: 0, vote: 0n, commit: 0 },
      confState: { voters, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
      ...{ compacted: { index: 0, term: 0 }, entries: [], applied: 0, snapshot: () => undefined },
    }),
  );
  nodes[0]!.campaign();
  settle(nodes);
  if (!nodes[0]!.isLeader) throw new Error("the first node does not lead");
  return nodes;
}

/** Handles every Ready, delivering messages at once and in order, until nothing is left. */
function settle(nodes: readonly RawNode[]): void {
  for (let isBusy = true; isBusy; ) {
    isBusy = false;
    for (const node of nodes) {
      while (node.hasReady()) {
        isBusy = true;
        const ready = node.ready();
        node.saved(ready);
        for (const message of ready.messages) nodes[Number(message.to) - 1]!.step(message);
        for (const message of ready.messagesAfterSync) {
          nodes[Number(message.to) - 1]!.step(message);
        }
        const last = ready.committedEntries.at(-1);
        if (last !== undefined) node.applied(last.index);
      }
    }
  }
}
