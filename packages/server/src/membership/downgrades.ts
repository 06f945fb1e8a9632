import { apiError } from "@kvorum/api";
import { type Clock, rethrowInvariant, type Timer } from "@kvorum/base";
import type { Logger } from "../observe/logger.js";
import type { Cluster } from "./cluster.js";
import type { Member } from "./member.js";

export interface DowngradesOptions {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly isLeader: () => boolean;
  /** Resolves when this member has applied all that was committed before. @throws ApiError */
  readonly catchUp: () => Promise<void>;
  readonly serverVersionOf: (member: Member) => Promise<string | undefined>;
  /** Through the log; resolves when it is applied here. @throws ApiError */
  readonly propose: (downgrade: {
    readonly enabled: boolean;
    readonly targetVersion: string;
  }) => Promise<void>;
  /** --downgrade-check-time; 0: never. */
  readonly checkIntervalMs: number;
}

/**
 * Downgrades of the cluster by one minor version: asked for by an administrator, begun through the
 * log, and ended by the leader once every member runs the older release. What happens in between
 * (the cluster version, then the stores' versions) is the `VersionMonitor`'s.
 */
export class Downgrades {
  readonly #options: DowngradesOptions;
  readonly #timer: Timer | undefined;
  #isChecking = false;

  constructor(options: DowngradesOptions) {
    this.#options = options;
    const { clock, checkIntervalMs } = options;
    if (checkIntervalMs > 0) this.#timer = clock.every(checkIntervalMs, () => this.#look());
  }

  stop(): void {
    this.#timer?.clear();
  }

  /**
   * @param version "3.6" or "3.6.0"
   * @returns the cluster version, "3.7"
   * @throws ApiError why the cluster can't be downgraded to `version`
   */
  async validate(version: string): Promise<string> {
    const target = targetOf(version);
    const { cluster } = this.#options;
    if (cluster.version === "") throw apiError("clusterVersionUnavailable");
    await this.#check(target);
    return withoutPatch(cluster.version);
  }

  /** Begins a downgrade. @throws ApiError as `validate` does, or when it isn't applied in time */
  async enable(version: string): Promise<string> {
    const { cluster, logger, propose } = this.#options;
    try {
      const targetVersion = targetOf(version);
      await this.#check(targetVersion);
      await propose({ enabled: true, targetVersion });
    } catch (error) {
      logger.warn("reject downgrade request", { error: String(error) });
      throw error;
    }
    return withoutPatch(cluster.version);
  }

  /** Ends a downgrade. That there is none, or that it failed, is only logged, as in etcd. */
  async cancel(): Promise<string> {
    const { cluster, logger, catchUp, propose } = this.#options;
    try {
      await catchUp();
      if (!cluster.downgrade.enabled) throw apiError("noInflightDowngrade");
      await propose({ enabled: false, targetVersion: "" });
    } catch (error) {
      logger.warn("failed to cancel downgrade", { error: String(error) });
    }
    return withoutPatch(cluster.version);
  }

  async #check(target: string): Promise<void> {
    const { cluster, catchUp } = this.#options;
    await catchUp();
    if (target !== oneMinorBelow(cluster.version)) throw apiError("invalidDowngradeVersion");
    if (cluster.downgrade.enabled) throw apiError("downgradeInProgress");
  }

  #look(): void {
    const { cluster, isLeader, logger } = this.#options;
    if (this.#isChecking || !isLeader() || !cluster.downgrade.enabled) return;
    this.#isChecking = true;
    this.#endWhenDone()
      .catch((error: unknown) => {
        rethrowInvariant(error);
        logger.warn("failed to cancel downgrade", { error: String(error) });
      })
      .finally(() => {
        this.#isChecking = false;
      });
  }

  async #endWhenDone(): Promise<void> {
    const { cluster, serverVersionOf, propose, logger } = this.#options;
    const { targetVersion } = cluster.downgrade;
    const versions = await Promise.all(cluster.members().map(serverVersionOf));
    const target = withoutPatch(targetVersion);
    if (!versions.every((each) => each !== undefined && withoutPatch(each) === target)) return;
    logger.info("the cluster has been downgraded", { "cluster-version": targetVersion });
    await propose({ enabled: false, targetVersion: "" });
  }
}

/** The only version that a cluster can be downgraded to; "3.6.0" for "3.7.0". */
export function oneMinorBelow(version: string): string {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return `${major}.${minor - 1}.0`;
}

/** "X.Y.0" of "X.Y" or "X.Y.Z". @throws ApiError when it is neither */
function targetOf(version: string): string {
  const found = /^(0|[1-9]\d*)\.(0|[1-9]\d*)(\.\d+)?$/.exec(version);
  if (found === null) throw apiError("wrongDowngradeFormat");
  return `${found[1]}.${found[2]}.0`;
}

function withoutPatch(version: string): string {
  return version.split(".").slice(0, 2).join(".");
}
