import { type ApiError, apiError } from "@kvorum/api";
import type { Clock, LeaseId } from "@kvorum/base";
import type { RawNode } from "@kvorum/raft";
import type { OpenedStore } from "../boot/open-store.js";
import type { Proposer } from "../consensus/proposer.js";
import type { Peers, RemoteLeaseStatus } from "../membership/peers.js";
import { renewLease } from "./renew-lease.js";

/** @param outcome the granted TTL in seconds, 0 for a lease that is gone, or why nobody could say */
export type RenewalDone = (outcome: number | ApiError) => void;

/** Pause before the leader is asked again. Source: etcd LeaseRenew. */
const RETRY_MS = 50;

/**
 * Leases live on the leader. This asks it, wherever it is, until it answers or the request's time is
 * up; on the leader itself a renewal is done before `renew` returns.
 */
export class LeaseAuthority {
  readonly #opened: OpenedStore;
  readonly #node: RawNode;
  readonly #proposer: Proposer;
  readonly #peers: Peers;
  readonly #clock: Clock;
  readonly #timeoutMs: number;

  constructor(options: {
    readonly opened: OpenedStore;
    readonly node: RawNode;
    readonly proposer: Proposer;
    readonly peers: Peers;
    readonly clock: Clock;
    /** 5 s + 2 election time-outs */
    readonly timeoutMs: number;
  }) {
    this.#opened = options.opened;
    this.#node = options.node;
    this.#proposer = options.proposer;
    this.#peers = options.peers;
    this.#clock = options.clock;
    this.#timeoutMs = options.timeoutMs;
  }

  renew(id: LeaseId, done: RenewalDone): void {
    this.#renewUntil(id, this.#clock.nowMs() + this.#timeoutMs, done);
  }

  /** Undefined: there is no such lease. @throws ApiError noLeader after the request's time */
  async timeToLive(id: LeaseId, withKeys: boolean): Promise<RemoteLeaseStatus | undefined> {
    const deadlineMs = this.#clock.nowMs() + this.#timeoutMs;
    for (;;) {
      const { lessor } = this.#opened;
      if (lessor.isPrimary) {
        const found = lessor.timeToLive(id);
        return found && { ...found, keys: withKeys ? found.keys.map(toBytes) : [] };
      }
      if (!this.#node.isLeader && this.#node.leader !== 0n) {
        const answer = await this.#peers.leaseTimeToLive(this.#node.leader, id, withKeys);
        if (answer === "not-found") return undefined;
        if (typeof answer === "object") return answer;
      }
      if (this.#clock.nowMs() >= deadlineMs) throw apiError("noLeader");
      await this.#pause();
    }
  }

  #renewUntil(id: LeaseId, deadlineMs: number, done: RenewalDone): void {
    renewLease({ opened: this.#opened, proposer: this.#proposer }, id, (outcome) => {
      if (outcome === "leaseNotFound") done(0);
      else if (outcome !== "notPrimaryLessor") done(outcome);
      else this.#renewRemotely(id, deadlineMs, done);
    });
  }

  #renewRemotely(id: LeaseId, deadlineMs: number, done: RenewalDone): void {
    const retry = () => {
      if (this.#clock.nowMs() >= deadlineMs) done(apiError("noLeader"));
      else this.#clock.after(RETRY_MS, () => this.#renewUntil(id, deadlineMs, done));
    };
    if (this.#node.isLeader || this.#node.leader === 0n) {
      retry();
      return;
    }
    this.#peers.renewLease(this.#node.leader, id).then((answer) => {
      if (answer === "not-found") done(0);
      else if (answer === undefined) retry();
      else done(answer);
    }, retry);
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(RETRY_MS, resolve);
    });
  }
}

function toBytes(key: string): Uint8Array {
  return Buffer.from(key, "latin1");
}
