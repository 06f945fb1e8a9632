import { assert, type MemberId } from "@kvorum/base";
import { messageName } from "../messages.js";
import type { ConfState, Message } from "../types.js";
import { Disk } from "./disk.js";
import { Host, type HostTuning } from "./host.js";
import { describeMessage, describeReady } from "./transcript.js";

export type LogLevel = "debug" | "info" | "warn" | "error" | "none";

/** Which of the messages on their way are meant; undefined fields select all. */
export interface Selection {
  readonly to: MemberId;
  readonly from?: MemberId | undefined;
  readonly type?: string | undefined;
}

/** A group of members on a network that moves a message only when told; writes a transcript. */
export class Environment {
  readonly hosts = new Map<MemberId, Host>();
  logLevel: LogLevel = "debug";
  #network: Message[] = [];
  #lines: string[] = [];
  #indent = "";

  host(id: MemberId): Host {
    const host = this.hosts.get(id);
    assert(host !== undefined, `there is no member ${id}`);
    return host;
  }

  print(...lines: readonly string[]): void {
    for (const line of lines) this.#lines.push(`${this.#indent}${line}`);
  }

  /** What members do by themselves; not printed at log level none, which scripts use to prepare. */
  narrate(...lines: readonly string[]): void {
    if (this.logLevel !== "none") this.print(...lines);
  }

  /** The lines since the last call. */
  takeLines(): string[] {
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }

  addHost(setup: { readonly disk: Disk; readonly tuning: HostTuning }): Host {
    const id = BigInt(this.hosts.size + 1);
    const log: HostTuning["log"] = (level, message) => this.#trace(level, message);
    const host = new Host(id, {
      disk: setup.disk,
      tuning: { ...setup.tuning, log },
      sinks: { send: (message) => this.#network.push(message) },
    });
    this.hosts.set(id, host);
    return host;
  }

  /** Takes one Ready, saves and applies it, and sends its messages. */
  processReady(id: MemberId): void {
    const host = this.host(id);
    const ready = host.take();
    this.narrate(...describeReady(ready));
    host.save();
    while (host.hasToApply) host.apply();
  }

  /** Moves the selected messages, oldest first unless reversed. @returns how many there were. */
  deliver(
    selection: Selection,
    mode: { drop?: boolean; reverse?: boolean; keep?: boolean },
  ): number {
    const chosen = this.#network.filter((message) => matches(message, selection));
    if (!mode.keep) this.#network = this.#network.filter((message) => !chosen.includes(message));
    if (mode.reverse) chosen.reverse();
    for (const message of chosen) {
      this.narrate(`${mode.drop ? "dropped: " : ""}${describeMessage(message)}`);
      if (!mode.drop) this.hosts.get(message.to)?.node.step(message);
    }
    return chosen.length;
  }

  /** Handles Readys and messages of `ids` until nothing is left to do. */
  stabilize(ids: readonly MemberId[]): void {
    for (let isBusy = true; isBusy; ) {
      isBusy = false;
      for (const id of ids) {
        if (!this.host(id).node.hasReady()) continue;
        isBusy = true;
        this.#section(`> ${id} handling Ready`, () => this.processReady(id));
      }
      for (const id of ids) {
        if (!this.#network.some((message) => message.to === id)) continue;
        isBusy = true;
        this.#section(`> ${id} receiving messages`, () => this.deliver({ to: id }, {}));
      }
    }
  }

  #section(title: string, body: () => void): void {
    this.narrate(title);
    this.#indent = "  ";
    body();
    this.#indent = "";
  }

  #trace(level: Exclude<LogLevel, "none">, message: string): void {
    if (levels.indexOf(level) < levels.indexOf(this.logLevel)) return;
    this.print(`${level.toUpperCase()} ${message}`);
  }
}

const levels: readonly LogLevel[] = ["debug", "info", "warn", "error", "none"];

/** A disk that has never been written, but knows the first configuration. */
export function freshDisk(confState: ConfState): Disk {
  const disk = new Disk();
  disk.confState = confState;
  return disk;
}

function matches(message: Message, selection: Selection): boolean {
  if (message.to !== selection.to) return false;
  if (selection.from !== undefined && message.from !== selection.from) return false;
  return selection.type === undefined || messageName(message.type) === selection.type;
}
