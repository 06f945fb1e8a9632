import { type ClusterId, hexId, type MemberId } from "@kvorum/base";
import { formatGoDuration } from "./config/go-text.js";
import { etcdVersion, majorMinor } from "./config/version.js";
import type { MemberOptions } from "./member-options.js";

/** The events in a member's life, in etcd's words. */
export class MemberLog {
  readonly #options: MemberOptions;
  readonly #ids: { readonly "cluster-id": string; readonly "local-member-id": string };

  constructor(
    options: MemberOptions,
    { clusterId, memberId }: { readonly clusterId: ClusterId; readonly memberId: MemberId },
  ) {
    this.#options = options;
    this.#ids = { "cluster-id": hexId(clusterId), "local-member-id": hexId(memberId) };
  }

  /** @param clusterVersion as the store has it; empty: not decided yet */
  opened(log: {
    readonly isRestart: boolean;
    readonly commitIndex: number;
    readonly clusterVersion: string;
  }): void {
    const { logger } = this.#options;
    const { isRestart, commitIndex, clusterVersion } = log;
    if (isRestart) {
      logger.info("restarting local member", { ...this.#ids, "commit-index": commitIndex });
    } else {
      logger.info("starting local member", this.#ids);
    }
    logger.info("starting etcd server", {
      ...this.#ids,
      "local-server-version": etcdVersion,
      "cluster-version": clusterVersion === "" ? "to_be_decided" : majorMinor(clusterVersion),
    });
  }

  published(timeoutMs: number): void {
    const { name, advertiseClientUrls, logger } = this.#options;
    logger.info("published local member to cluster through raft", {
      ...this.#ids,
      "local-member-attributes": `{Name:${name} ClientURLs:[${advertiseClientUrls.join(" ")}]}`,
      "publish-timeout": formatGoDuration(timeoutMs * 1e6),
    });
  }

  /** @param previous empty when the cluster had none */
  clusterVersion(version: string, previous: string): void {
    const { logger } = this.#options;
    const to = majorMinor(version);
    if (previous === "") {
      logger.info("set initial cluster version", { ...this.#ids, "cluster-version": to });
    } else {
      const change = { from: majorMinor(previous), to };
      logger.info("updated cluster version", { ...this.#ids, ...change });
    }
  }

  slowApply(tookMs: number): void {
    this.#options.logger.warn("apply request took too long", {
      took: `${tookMs.toFixed(3)}ms`,
      "expected-duration": `${this.#options.slowApplyMs}ms`,
    });
  }

  lateHeartbeat(to: MemberId, exceededMs: number): void {
    const { heartbeatIntervalMs } = this.#options;
    this.#options.logger.warn(
      "leader failed to send out heartbeat on time; took too long, leader is overloaded likely from slow disk",
      {
        to: hexId(to),
        "heartbeat-interval": `${heartbeatIntervalMs}ms`,
        "expected-duration": `${2 * heartbeatIntervalMs}ms`,
        "exceeded-duration": `${exceededMs.toFixed(3)}ms`,
      },
    );
  }

  closing(): void {
    this.#options.logger.info("closing etcd server", this.#place());
  }

  closed(): void {
    this.#options.logger.info("closed etcd server", this.#place());
  }

  #place() {
    const { name, dataDir, advertisePeerUrls, advertiseClientUrls } = this.#options;
    return {
      name,
      "data-dir": dataDir,
      "advertise-peer-urls": advertisePeerUrls,
      "advertise-client-urls": advertiseClientUrls,
    };
  }
}
