import { assert, createPrng, type MemberId, type Prng } from "@kvorum/base";
import { changeConfiguration } from "../conf-change.js";
import { noConfState } from "../conf-state.js";
import { messageName } from "../messages.js";
import {
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  type ConfChangeV2,
  type ConfState,
  type Message,
  MessageType,
} from "../types.js";
import { Disk, encodeText } from "./disk.js";
import { canNobodyLead } from "./election-outlook.js";
import { Host, type HostTuning } from "./host.js";
import { Invariants } from "./invariants.js";
import { type ActionName, drawTuning, drawWeather, type Weather } from "./weather.js";

export interface SimulationOptions {
  readonly seed: number;
  /** Random events, of which about half deliver messages. */
  readonly actions: number;
  /** Whether members come and go. */
  readonly changesMembers: boolean;
  /**
   * Leaders forget what every other member holds, and nobody forgets anything else. In a fixed group
   * no member may then ever need a snapshot.
   */
  readonly trimsOnly?: boolean;
}

/** How many of the last actions are told when a guarantee is broken. */
const TOLD_ACTIONS = 60;

/**
 * A group under random delivery, loss, repetition, reordering, partitions and crashes that lose
 * everything not saved. One seed gives one run. Any broken guarantee throws.
 */
export class Simulation {
  readonly invariants = new Invariants();
  readonly #prng: Prng;
  readonly #options: SimulationOptions;
  readonly #hosts: Host[] = [];
  readonly #weather: Weather;
  readonly #weights: readonly (readonly [ActionName, number])[];
  readonly #weightSum: number;
  #network: Message[] = [];
  /** The side of a partition that each member is on. */
  #sides = new Map<MemberId, number>();
  #lossPercent = 0;
  #counter = 0;
  /** The last actions, newest last. */
  readonly #history: string[] = [];
  #isHealed = false;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#prng = createPrng(options.seed);
    const count = 3 + this.#prng.below(3);
    const voters = Array.from({ length: count }, (_, i) => BigInt(i + 1));
    const spares = options.changesMembers ? 2 : 0;
    const tuning = drawTuning(this.#prng);
    this.#weather = drawWeather(this.#prng);
    this.#weights = Object.entries(this.#weather.weights) as [ActionName, number][];
    this.#weightSum = this.#weights.reduce((sum, [, weight]) => sum + weight, 0);
    for (let i = 1; i <= count + spares; i++) {
      const disk = new Disk();
      disk.confState = { ...noConfState, voters };
      this.#hosts.push(this.#createHost(BigInt(i), disk, tuning));
    }
  }

  /** The storm. */
  run(): void {
    for (let i = 0; i < this.#options.actions; i++) this.#act();
  }

  /**
   * Heals everything and lets time pass. @returns the rounds until a new proposal was applied by
   * every member of the configuration and a read was answered; "leaderless" when no member can be
   * elected (see `canNobodyLead`), or undefined if it never happened for another reason.
   */
  heal(roundsMax: number): number | "leaderless" | undefined {
    this.#isHealed = true;
    this.#sides.clear();
    this.#lossPercent = 0;
    const value = this.#nextText();
    const answered = this.invariants.answeredReads;
    for (let round = 1; round <= roundsMax; round++) {
      this.#round(value);
      const members = this.#members();
      const isApplied = members.every((host) => host.state.includes(value));
      if (isApplied && this.invariants.answeredReads > answered) return round;
    }
    return canNobodyLead(this.#members()) ? "leaderless" : undefined;
  }

  /** What happened last, and what the members look like now: for the message of a failure. */
  describe(): string {
    const members = this.#hosts.map(({ id, node, confState, applied, disk }) => {
      const role = node.isLeader ? "leads" : `follows ${node.leader}`;
      const { voters, votersOutgoing, learners } = confState;
      return (
        `${id} ${role} at term ${node.term}: log ${disk.compacted.index}..${node.lastIndex} ` +
        `(last term ${node.termAt(node.lastIndex)}), committed ${node.committedIndex}, ` +
        `applied ${applied}, voters ${voters}, outgoing ${votersOutgoing}, learners ${learners}`
      );
    });
    return ["last actions:", ...this.#history, "members:", ...members].join("\n  ");
  }

  #round(value: string): void {
    const members = this.#members();
    for (const host of members) host.node.tick();
    const leader = members.find((host) => host.node.isLeader);
    if (leader !== undefined) {
      if (!leader.state.includes(value)) leader.node.propose([encodeText(value)]);
      this.#read(this.#pick(members));
    }
    for (let isBusy = true; isBusy; ) {
      isBusy = false;
      for (const host of members) {
        while (host.node.hasReady() || host.savesInFlight > 0 || host.hasToApply) {
          isBusy = true;
          if (host.node.hasReady()) this.#take(host);
          while (host.savesInFlight > 0) host.save();
          while (host.hasToApply) host.apply();
          this.invariants.observe(host);
        }
      }
      const messages = this.#network;
      this.#network = [];
      for (const message of messages) this.#arrive(message);
    }
  }

  /**
   * Those in the newest configuration that anyone has applied, and those whom one of them still
   * counts as a voter: a member is switched off only when its removal is known to all who stay.
   */
  #members(): Host[] {
    const newest = this.#hosts.reduce((a, b) => (b.applied > a.applied ? b : a));
    const staying = this.#hosts.filter((host) => idsOf(newest.confState).includes(host.id));
    const ids = staying.flatMap((host) => idsOf(host.confState));
    return this.#hosts.filter((host) => staying.includes(host) || ids.includes(host.id));
  }

  #act(): void {
    const host = this.#pick(this.#hosts);
    let dice = this.#prng.below(this.#weightSum);
    for (const [action, weight] of this.#weights) {
      dice -= weight;
      if (dice >= 0) continue;
      this.#perform(action, host);
      break;
    }
    this.invariants.observe(host);
  }

  #perform(action: ActionName, host: Host): void {
    const { node } = host;
    if (action !== "deliver") this.#note(`${action} ${host.id}`);
    if (action === "deliver") this.#deliverOne();
    else if (action === "tick") node.tick();
    else if (action === "take") this.#takeIfReady(host);
    else if (action === "save") this.#saveIfAny(host);
    else if (action === "apply") this.#applyIfAny(host);
    else if (action === "propose") node.propose(this.#texts().map(encodeText));
    else if (action === "read") this.#read(host);
    else if (action === "changeMembers") this.#changeMembers(host);
    else if (action === "partition") this.#partition();
    else if (action === "join") this.#sides.clear();
    else if (action === "crash") this.#crash(host);
    else if (action === "transfer") node.transferLeader(this.#pick(this.#hosts).id);
    else if (action === "compact") this.#compact(host);
    else if (action === "unreachable") node.reportUnreachable(this.#pick(this.#hosts).id);
    else this.#lossPercent = this.#prng.below(this.#weather.lossPercentMax + 1);
  }

  #takeIfReady(host: Host): void {
    if (host.node.hasReady()) this.#take(host);
  }

  #take(host: Host): void {
    const ready = host.take();
    this.invariants.observeEntries(host, ready.entries);
    this.invariants.observeDelivery(host, ready.committedEntries);
  }

  #saveIfAny(host: Host): void {
    if (host.savesInFlight > 0) host.save();
  }

  #applyIfAny(host: Host): void {
    if (!host.hasToApply) return;
    host.apply();
    if (this.#options.trimsOnly) host.trim();
  }

  /** Any message may be next; some are lost, some arrive and stay to arrive again. */
  #deliverOne(): void {
    if (this.#network.length === 0) return;
    const at = this.#prng.below(Math.min(this.#network.length, this.#weather.reorderWindow));
    const message = this.#network[at]!;
    if (this.#prng.below(100) >= this.#weather.repeatPercent) this.#network.splice(at, 1);
    const isCut = this.#sides.get(message.from) !== this.#sides.get(message.to);
    const isLost = isCut || this.#prng.below(100) < this.#lossPercent;
    const what = `${messageName(message.type)} ${message.from} -> ${message.to}`;
    this.#note(`${isLost ? "lose" : "deliver"} ${what} at term ${message.term}`);
    if (isLost) this.#lose(message);
    else this.#arrive(message);
  }

  #arrive(message: Message): void {
    const host = this.#hosts[Number(message.to) - 1]!;
    if (this.#isHealed && !this.#members().includes(host)) {
      this.#lose(message);
      return;
    }
    host.node.step(message);
    this.invariants.observe(host);
    if (message.type === MessageType.Snap) this.#reportSnapshot(message, true);
  }

  #lose(message: Message): void {
    if (message.type === MessageType.Snap) this.#reportSnapshot(message, false);
  }

  #reportSnapshot(message: Message, arrived: boolean): void {
    this.#hosts[Number(message.from) - 1]!.node.reportSnapshot(message.to, arrived);
  }

  #compact(host: Host): void {
    if (!this.#options.trimsOnly) host.compact(this.#prng.below(6));
  }

  #read(host: Host): void {
    const context = this.#nextText();
    this.invariants.readBegins(context);
    host.node.readIndex(encodeText(context));
  }

  #partition(): void {
    for (const host of this.#hosts) this.#sides.set(host.id, this.#prng.below(2));
  }

  /** Some Readys in flight may have reached the disk, the next one perhaps only in part. */
  #crash(host: Host): void {
    const whole = this.#prng.below(host.savesInFlight + 1);
    host.crash({ whole, entriesOfNext: this.#prng.below(3) });
  }

  #changeMembers(host: Host): void {
    if (!this.#options.changesMembers || !host.node.isLeader) return;
    const config = host.node.status().confState;
    const change = this.#drawChange(config.votersOutgoing.length > 0);
    try {
      changeConfiguration(config, change);
    } catch {
      // It would remove the last voter: the server refuses such a request before it is proposed.
      return;
    }
    host.node.proposeConfChange(change);
  }

  #drawChange(isJoint: boolean): ConfChangeV2 {
    const context = new Uint8Array(0);
    if (isJoint) return { transition: ConfChangeTransition.Auto, changes: [], context };
    const count = 1 + this.#prng.below(3);
    const changes = Array.from({ length: count }, (): ConfChangeSingle => {
      const type = this.#pick(Object.values(ConfChangeType));
      return { type, nodeId: this.#pick(this.#hosts).id };
    });
    return { transition: this.#pick(Object.values(ConfChangeTransition)), changes, context };
  }

  #createHost(id: MemberId, disk: Disk, tuning: HostTuning): Host {
    const prng = createPrng(this.#options.seed * 31 + Number(id));
    const host: Host = new Host(id, {
      disk,
      tuning: { ...tuning, prng },
      sinks: {
        send: (message) => this.#send(message),
        read: (state) => this.invariants.readEnds(host, state),
        applied: (entry) => this.invariants.observeApplied(host, entry),
      },
    });
    return host;
  }

  #send(message: Message): void {
    const lacksEntries = message.type === MessageType.Snap && this.#options.trimsOnly === true;
    assert(!lacksEntries, `${message.to} lacks entries that its leader ${message.from} forgot`);
    this.#network.push(message);
  }

  #texts(): string[] {
    return Array.from({ length: 1 + this.#prng.below(3) }, () => this.#nextText());
  }

  #note(action: string): void {
    this.#history.push(action);
    if (this.#history.length > TOLD_ACTIONS) this.#history.shift();
  }

  #nextText(): string {
    this.#counter++;
    return `v${this.#counter}`;
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[this.#prng.below(items.length)]!;
  }
}

function idsOf(config: ConfState): MemberId[] {
  return [...config.voters, ...config.votersOutgoing, ...config.learners];
}
