import { assert, type MemberId } from "@kvorum/base";
import { noConfState } from "../conf-state.js";
import {
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  type Entry,
  EntryType,
} from "../types.js";
import { encodeText } from "./disk.js";
import { type Environment, freshDisk, type LogLevel } from "./environment.js";
import type { HostTuning } from "./host.js";
import { describeEntry, describeReady, describeStatus } from "./transcript.js";

/** The words of a command: those with "=" are options, the others are in order. */
export interface Words {
  readonly list: readonly string[];
  readonly options: ReadonlyMap<string, string>;
}

type Command = (environment: Environment, words: Words) => void;

/**
 * The commands of the scripts in testdata/; README.md there explains each. They print nothing but
 * what the members do, and "ok" is implied.
 */
export const commands: Readonly<Record<string, Command>> = {
  "log-level": (environment, { list }) => {
    environment.logLevel = list[0] as LogLevel;
  },
  "add-nodes": addNodes,
  campaign: (environment, { list }) => environment.host(idOf(list[0])).node.campaign(),
  tick: (environment, { list }) => {
    const { node } = environment.host(idOf(list[0]));
    for (let i = 0; i < Number(list[1] ?? 1); i++) node.tick();
  },
  propose: (environment, { list }) => {
    const [id, ...data] = list;
    const result = environment.host(idOf(id)).node.propose(data.map(encodeText));
    if (!result.ok) environment.print(`refused: ${result.reason}`);
  },
  "propose-conf-change": proposeConfChange,
  "read-index": (environment, { list }) => {
    const result = environment.host(idOf(list[0])).node.readIndex(encodeText(list[1]!));
    if (!result.ok) environment.print(`refused: ${result.reason}`);
  },
  "transfer-leadership": (environment, { list, options }) => {
    environment.host(idOf(list[0])).node.transferLeader(idOf(options.get("to")));
  },
  "process-ready": (environment, { list }) => {
    for (const id of list) environment.processReady(idOf(id));
  },
  "take-ready": (environment, { list }) => {
    environment.print(...describeReady(environment.host(idOf(list[0])).take()));
  },
  save: (environment, { list }) => environment.host(idOf(list[0])).save(),
  apply: (environment, { list }) => {
    const host = environment.host(idOf(list[0]));
    while (host.hasToApply) host.apply();
  },
  "deliver-msgs": deliver,
  stabilize: (environment, { list }) => {
    environment.stabilize(list.length > 0 ? list.map(idOf) : [...environment.hosts.keys()]);
  },
  restart: (environment, { list }) => {
    environment.host(idOf(list[0])).restart();
  },
  compact: (environment, { list }) => environment.host(idOf(list[0])).compact(0),
  "report-unreachable": (environment, { list }) => {
    environment.host(idOf(list[0])).node.reportUnreachable(idOf(list[1]));
  },
  "report-snapshot": (environment, { list }) => {
    environment.host(idOf(list[0])).node.reportSnapshot(idOf(list[1]), list[2] === "arrived");
  },
  status: (environment, { list }) => {
    environment.print(...describeStatus(environment.host(idOf(list[0])).node.status()));
  },
  "raft-log": (environment, { list }) => {
    const { disk } = environment.host(idOf(list[0]));
    environment.print(`after ${disk.compacted.term}/${disk.compacted.index}`);
    environment.print(...disk.entries.map(describeEntry));
  },
  state: (environment, { list }) => {
    const host = environment.host(idOf(list[0]));
    environment.print(`applied ${host.applied} [${host.state.join(" ")}]`);
  },
};

/** One log of the paper's figure 7 is written as the terms of its entries: log=1,1,1,4. */
function addNodes(environment: Environment, { list, options }: Words): void {
  const count = Number(list[0]);
  const first = environment.hosts.size + 1;
  const all = Array.from({ length: count }, (_, i) => BigInt(first + i));
  const voters = options.has("voters") ? idsOf(options.get("voters")!) : all;
  const terms = (options.get("log") ?? "").split(",").filter((term) => term !== "");
  for (let i = 0; i < count; i++) {
    const learners = idsOf(options.get("learners") ?? "");
    const disk = freshDisk({ ...noConfState, voters, learners });
    disk.append(terms.map((term, at) => entryOf(Number(term), at + 1)));
    disk.hardState = {
      term: Number(options.get("term") ?? terms.at(-1) ?? 0),
      vote: 0n,
      commit: Number(options.get("commit") ?? 0),
    };
    environment.addHost({ disk, tuning: tuningOf({ list, options }) });
  }
}

function tuningOf({ list, options }: Words): HostTuning {
  const number = (name: string, otherwise: number): number =>
    Number(options.get(name) ?? otherwise);
  return {
    preVote: list.includes("prevote"),
    checkQuorum: list.includes("checkquorum"),
    disableForwarding: list.includes("no-forwarding"),
    electionTicks: number("election-ticks", 3),
    // Every draw is the same, so that time-outs are exactly electionTicks + draw.
    prng: { float: () => 0, below: () => number("draw", 0) },
    messageBytesMax: number("message-bytes", 1 << 20),
    inflightMessagesMax: number("inflight", 512),
    inflightBytesMax: number("inflight-bytes", 0),
    uncommittedBytesMax: number("uncommitted-bytes", 0),
    committedBytesMax: number("committed-bytes", 1 << 20),
  };
}

function proposeConfChange(environment: Environment, { list, options }: Words): void {
  const [id, ...rest] = list;
  const { node } = environment.host(idOf(id));
  const changes = rest.filter((word) => word !== "v1").map(changeOf);
  const context = new Uint8Array(0);
  const [single] = changes;
  const result =
    rest.includes("v1") && single !== undefined
      ? node.proposeConfChange({ id: 0n, context, ...single })
      : node.proposeConfChange({ transition: transitionOf(options), changes, context });
  if (!result.ok) environment.print(`refused: ${result.reason}`);
}

function deliver(environment: Environment, { list, options }: Words): void {
  const from = options.get("from");
  const selection = {
    to: idOf(list[0]),
    from: from === undefined ? undefined : idOf(from),
    type: options.get("type"),
  };
  const count = environment.deliver(selection, {
    drop: list.includes("drop"),
    reverse: list.includes("reverse"),
    keep: list.includes("keep"),
  });
  if (count === 0) environment.print("no messages");
}

function transitionOf(options: Words["options"]): ConfChangeTransition {
  const name = options.get("transition") ?? "auto";
  if (name === "implicit") return ConfChangeTransition.JointImplicit;
  return name === "explicit" ? ConfChangeTransition.JointExplicit : ConfChangeTransition.Auto;
}

const changeTypes: ReadonlyMap<string, ConfChangeType> = new Map([
  ["v", ConfChangeType.AddNode],
  ["l", ConfChangeType.AddLearnerNode],
  ["r", ConfChangeType.RemoveNode],
  ["u", ConfChangeType.UpdateNode],
]);

function changeOf(word: string): ConfChangeSingle {
  const type = changeTypes.get(word[0]!);
  assert(type !== undefined, `unknown conf change ${word}`);
  return { type, nodeId: BigInt(word.slice(1)) };
}

function entryOf(term: number, index: number): Entry {
  return { type: EntryType.Normal, term, index, data: encodeText(`${term}.${index}`) };
}

function idsOf(text: string): readonly MemberId[] {
  return text === "" || text === "none" ? [] : text.split(",").map(BigInt);
}

function idOf(text: string | undefined): MemberId {
  assert(text !== undefined && /^\d+$/.test(text), `a member id is missing: ${text}`);
  return BigInt(text);
}
