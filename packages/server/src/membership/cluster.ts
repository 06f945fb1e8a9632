import { type ClusterId, hexId, type MemberId, utf8 } from "@kvorum/base";
import type { BufferedStore } from "@kvorum/mvcc";
import { type Member, memberFromJson, memberToJson } from "./member.js";

const REMOVED = utf8("removed");
const CLUSTER_VERSION_KEY = utf8("clusterVersion");
const DOWNGRADE_KEY = utf8("downgrade");

/** A downgrade that is under way, or the absence of one. */
export interface DowngradeState {
  readonly enabled: boolean;
  /** "X.Y.0", or empty. */
  readonly targetVersion: string;
}

/**
 * The cluster's members, removed ids, version and downgrade, kept in the buckets "members",
 * "members_removed" and "cluster". Changed only by applying entries.
 */
export class Cluster {
  readonly id: ClusterId;
  #store: BufferedStore;
  readonly #members = new Map<MemberId, Member>();
  readonly #removed = new Set<MemberId>();
  #version = "";
  #downgrade: DowngradeState = { enabled: false, targetVersion: "" };

  constructor(options: { readonly id: ClusterId; readonly store: BufferedStore }) {
    this.id = options.id;
    this.#store = options.store;
  }

  /** Reads all that `store` holds, and writes changes to it from now on. */
  async load(store: BufferedStore = this.#store): Promise<void> {
    this.#store = store;
    this.#version = "";
    this.#downgrade = { enabled: false, targetVersion: "" };
    this.#members.clear();
    this.#removed.clear();
    for (const [, value] of await this.#store.entries("members")) {
      const member = memberFromJson(Buffer.from(value).toString("utf8"));
      this.#members.set(member.id, member);
    }
    for (const [key] of await this.#store.entries("members_removed")) {
      this.#removed.add(BigInt(`0x${Buffer.from(key).toString("latin1")}`));
    }
    const version = this.#store.get("cluster", CLUSTER_VERSION_KEY);
    this.#version = version === undefined ? "" : Buffer.from(version).toString("utf8");
    const downgrade = this.#store.get("cluster", DOWNGRADE_KEY);
    if (downgrade !== undefined) {
      const parsed = JSON.parse(Buffer.from(downgrade).toString("utf8"));
      this.#downgrade = {
        enabled: parsed.enabled === true,
        targetVersion: parsed["target-version"] ?? "",
      };
    }
  }

  /** Sorted by id. */
  members(): Member[] {
    return [...this.#members.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  member(id: MemberId): Member | undefined {
    return this.#members.get(id);
  }

  isRemoved(id: MemberId): boolean {
    return this.#removed.has(id);
  }

  removed(): MemberId[] {
    return [...this.#removed];
  }

  voters(): Member[] {
    return this.members().filter((member) => !member.isLearner);
  }

  learners(): Member[] {
    return this.members().filter((member) => member.isLearner);
  }

  /** "X.Y.0", or empty while undecided. */
  get version(): string {
    return this.#version;
  }

  get downgrade(): DowngradeState {
    return this.#downgrade;
  }

  /** Adds a member or replaces it. */
  put(member: Member): void {
    this.#members.set(member.id, member);
    this.#store.put("members", utf8(hexId(member.id)), utf8(memberToJson(member)));
  }

  /** Removes a member for good: its id is never accepted again. */
  remove(id: MemberId): void {
    this.#members.delete(id);
    this.#removed.add(id);
    this.#store.delete("members", utf8(hexId(id)));
    this.#store.put("members_removed", utf8(hexId(id)), REMOVED);
  }

  setVersion(version: string): void {
    this.#version = version;
    this.#store.put("cluster", CLUSTER_VERSION_KEY, utf8(version));
  }

  setDowngrade(state: DowngradeState): void {
    this.#downgrade = state;
    const json = JSON.stringify({ "target-version": state.targetVersion, enabled: state.enabled });
    this.#store.put("cluster", DOWNGRADE_KEY, utf8(json));
  }
}
