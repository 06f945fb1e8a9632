import { etcdserverpb, ProposalField } from "@kvorum/api";
import { hexId, type MemberId, rethrowInvariant, type Timer } from "@kvorum/base";
import type { OpenedStore } from "../boot/open-store.js";
import { formatGoDuration } from "../config/go-text.js";
import type { Consensus } from "../consensus/consensus.js";
import { proposeOnce } from "../consensus/propose-once.js";
import type { MemberOptions } from "../member-options.js";
import { CompactHashChecker } from "./compact-hash-checker.js";
import type { AskPeerHashes } from "./peer-hashes.js";
import { checkPeriodically } from "./periodic-check.js";

export interface CorruptionMonitorOptions {
  readonly id: MemberId;
  readonly member: MemberOptions;
  readonly opened: OpenedStore;
  readonly consensus: Consensus;
  readonly askPeers: AskPeerHashes;
}

/** Runs the checks that the leader makes from time to time, each at most once at a time. */
export class CorruptionMonitor {
  readonly #options: CorruptionMonitorOptions;
  readonly #timers: Timer[] = [];

  constructor(options: CorruptionMonitorOptions) {
    this.#options = options;
    const { id, member, opened, askPeers } = options;
    const { logger, corruptionChecks: checks } = member;
    if (checks === undefined) return;
    const raiseAlarm = (of: MemberId) => this.#raise(of);
    if (checks.periodicMs > 0) {
      logger.info("enabled corruption checking", {
        "local-member-id": hexId(id),
        interval: formatGoDuration(checks.periodicMs * 1e6),
      });
      const check = () =>
        checkPeriodically({
          id,
          askPeers,
          raiseAlarm,
          logger,
          hashKv: (revision) => opened.store.hashKv(revision),
          catchUp: () => this.#catchUp(),
        });
      this.#every(checks.periodicMs, check);
    }
    if (checks.compactHashMs !== undefined) {
      const compactionHashes = () => opened.store.compactionHashes();
      const checker = new CompactHashChecker({
        id,
        askPeers,
        raiseAlarm,
        logger,
        compactionHashes,
      });
      this.#every(checks.compactHashMs, () => checker.check());
    }
  }

  stop(): void {
    for (const timer of this.#timers) timer.clear();
  }

  #every(periodMs: number, check: () => Promise<void>): void {
    const { member, consensus } = this.#options;
    let isRunning = false;
    const look = () => {
      if (isRunning || !consensus.node.isLeader) return;
      isRunning = true;
      check()
        .catch((error: unknown) => {
          rethrowInvariant(error);
          member.logger.warn("failed to check hash KV", { error: String(error) });
        })
        .finally(() => {
          isRunning = false;
        });
    };
    this.#timers.push(member.clock.every(periodMs, look));
  }

  #catchUp(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#options.consensus.reads.wait({ ready: resolve, failed: reject });
    });
  }

  #raise(memberID: MemberId): void {
    const { AlarmRequest, AlarmRequest_AlarmAction, AlarmType } = etcdserverpb;
    const { consensus, member } = this.#options;
    const action = AlarmRequest_AlarmAction.ACTIVATE;
    const request = AlarmRequest.encode({ memberID, action, alarm: AlarmType.CORRUPT }).finish();
    // The next check finds the same again, should it fail.
    proposeOnce(consensus.proposer, ProposalField.alarm, request).catch((error: unknown) => {
      rethrowInvariant(error);
      member.logger.warn("failed to raise the alarm CORRUPT", {
        "member-id": hexId(memberID),
        error: String(error),
      });
    });
  }
}
