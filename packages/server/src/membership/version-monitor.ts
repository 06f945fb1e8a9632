import { type Clock, rethrowInvariant, type Timer } from "@kvorum/base";
import { etcdVersion, majorMinor } from "../config/version.js";
import { serverLimits } from "../limits.js";
import type { Logger } from "../observe/logger.js";
import type { Cluster } from "./cluster.js";
import { oneMinorBelow } from "./downgrades.js";
import type { Member } from "./member.js";

export interface VersionMonitorOptions {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly isLeader: () => boolean;
  /** This member's own id is answered from here; the others are asked. Undefined: no answer. */
  readonly serverVersionOf: (member: Member) => Promise<string | undefined>;
  readonly setClusterVersion: (version: string) => Promise<void>;
  readonly storageVersion: () => string;
  readonly setStorageVersion: (version: string) => void;
}

/** What a new cluster has while some member doesn't tell its version. Source: etcd MinClusterVersion. */
const LOWEST_VERSION = "3.0.0";

/**
 * Decides the cluster version, on the leader: the lowest server version among the members, which is
 * raised when all have been upgraded and lowered only by a downgrade. Every member lets its store's
 * version follow.
 */
export class VersionMonitor {
  readonly #options: VersionMonitorOptions;
  readonly #timer: Timer;
  #isDeciding = false;
  #isReadyToDowngrade = false;

  constructor(options: VersionMonitorOptions) {
    this.#options = options;
    this.#timer = options.clock.every(serverLimits.versionMonitorMs, () => this.look());
  }

  stop(): void {
    this.#timer.clear();
  }

  /** Called every 4 s, and when a leader has begun its term. */
  look(): void {
    const { isLeader, logger } = this.#options;
    this.#followClusterVersion();
    this.#tellWhenReady();
    if (!isLeader() || this.#isDeciding) return;
    this.#isDeciding = true;
    this.#decide()
      .catch((error: unknown) => {
        rethrowInvariant(error);
        logger.warn("failed to decide the cluster version", { error: String(error) });
      })
      .finally(() => {
        this.#isDeciding = false;
      });
  }

  #followClusterVersion(): void {
    const { cluster, storageVersion, setStorageVersion, logger } = this.#options;
    if (cluster.version === "" || cluster.version === LOWEST_VERSION) return;
    const current = storageVersion();
    if (current === "" || current === cluster.version) return;
    setStorageVersion(cluster.version);
    logger.info("updated storage version", { "new-storage-version": cluster.version });
  }

  /** Cluster and store have the downgrade's version: this member may be replaced by an older one. */
  #tellWhenReady(): void {
    const { cluster, storageVersion, logger } = this.#options;
    const { enabled, targetVersion } = cluster.downgrade;
    const wasReady = this.#isReadyToDowngrade;
    this.#isReadyToDowngrade =
      enabled && cluster.version === targetVersion && storageVersion() === targetVersion;
    if (wasReady || !this.#isReadyToDowngrade) return;
    logger.info("The server is ready to downgrade", {
      "target-version": targetVersion,
      "server-version": etcdVersion,
    });
  }

  async #decide(): Promise<void> {
    const { cluster, serverVersionOf, setClusterVersion, logger } = this.#options;
    const answers = await Promise.all(cluster.members().map(serverVersionOf));
    const lowest = answers.includes(undefined)
      ? undefined
      : (answers as string[]).map(withoutPatch).reduce(lower);
    if (cluster.version === "") {
      const version = lowest ?? LOWEST_VERSION;
      logger.info("setting up initial cluster version using v3 API", {
        "cluster-version": majorMinor(version),
      });
      await setClusterVersion(version);
      logger.info("cluster version is updated", { "cluster-version": majorMinor(version) });
    } else if (lowest !== undefined && cluster.downgrade.enabled) {
      await this.#downgrade(cluster.downgrade.targetVersion, lowest);
    } else if (lowest !== undefined && isHigher(lowest, cluster.version)) {
      logger.info("updating cluster version using v3 API", {
        from: majorMinor(cluster.version),
        to: majorMinor(lowest),
      });
      await setClusterVersion(lowest);
      logger.info("cluster version is updated", { "cluster-version": majorMinor(lowest) });
    }
  }

  async #downgrade(target: string, lowest: string): Promise<void> {
    const { cluster, setClusterVersion, logger } = this.#options;
    if (cluster.version === target) return;
    if (oneMinorBelow(cluster.version) !== target) {
      const fields = { "downgrade-target": target, "cluster-version": cluster.version };
      logger.error("Cannot downgrade from cluster-version to downgrade-target", fields);
      return;
    }
    if (oneMinorBelow(lowest) !== target) {
      const fields = { "downgrade-target": target, "minimal-server-version": lowest };
      logger.error("Cannot downgrade from minimal-server-version to downgrade-target", fields);
      return;
    }
    logger.info("updating cluster version using v3 API", {
      from: majorMinor(cluster.version),
      to: majorMinor(target),
    });
    await setClusterVersion(target);
    logger.info("cluster version is updated", { "cluster-version": majorMinor(target) });
  }
}

function parts(version: string): readonly number[] {
  return version.split(".").map(Number);
}

function withoutPatch(version: string): string {
  const [major = 0, minor = 0] = parts(version);
  return `${major}.${minor}.0`;
}

function lower(left: string, right: string): string {
  return isHigher(left, right) ? right : left;
}

/** Compares "X.Y.0"; only within one major version, as clusters are upgraded. */
function isHigher(left: string, right: string): boolean {
  const [leftMajor = 0, leftMinor = 0] = parts(left);
  const [rightMajor = 0, rightMinor = 0] = parts(right);
  return leftMajor > rightMajor || (leftMajor === rightMajor && leftMinor > rightMinor);
}
