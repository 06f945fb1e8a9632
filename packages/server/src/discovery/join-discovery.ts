import { type Clock, hexId, type MemberId, messageOf } from "@kvorum/base";
import { formatGoDuration } from "../config/go-text.js";
import { parseInitialCluster } from "../config/initial-cluster.js";
import type { LogFields, Logger } from "../observe/logger.js";
import type { DiscoveryKeyValue, DiscoveryKv } from "./discovery-kv.js";
import { discoveryLimits } from "./limits.js";

export interface JoinDiscoveryOptions {
  readonly kv: DiscoveryKv;
  /** --discovery-token: names the cluster within the service. */
  readonly token: string;
  readonly id: MemberId;
  /** "name=url,…" of this member. */
  readonly self: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Finds the founders of a cluster by way of another etcd. Each registers itself and waits until as
 * many have as the cluster shall have; those that registered first are in.
 *
 * ```
 *  /_etcd/registry/<token>/_config/size            written beforehand, "3"
 *  /_etcd/registry/<token>/members/<id, hex>       "name=http://…:2380", by each member
 * ```
 * A service that doesn't answer is asked again, ever more seldom. Source: etcd's v3discovery.
 * @returns the initial cluster, "name=url,…"
 * @throws Error with etcd's text: no size, a bad one, or the cluster is full
 */
export async function joinDiscovery(options: JoinDiscoveryOptions): Promise<string> {
  const discovery = new Discovery(options);
  const { logger } = options;
  try {
    const cluster = await discovery.join();
    logger.info("discovery joined cluster successfully", { cluster });
    return cluster;
  } catch (error) {
    const reason = messageOf(error);
    logger.error("discovery failed to join cluster", { error: reason });
    throw new Error(`failed to join discovery cluster (${reason})`, { cause: error });
  }
}

/** What can't be helped by trying again. */
class Refusal extends Error {
  override readonly name = "Refusal";
}

class Discovery {
  readonly #options: JoinDiscoveryOptions;
  readonly #prefix: string;
  readonly #ownKey: string;
  #retries = 0;

  constructor(options: JoinDiscoveryOptions) {
    this.#options = options;
    this.#prefix = `/_etcd/registry/${options.token}`;
    this.#ownKey = `${this.#prefix}/members/${hexId(options.id)}`;
  }

  async join(): Promise<string> {
    const { kv, self, clock, logger } = this.#options;
    await this.#check();
    await this.#patiently("register member itself", () => kv.put(this.#ownKey, self));
    const info = { memberKey: this.#ownKey, memberInfo: self };
    logger.info("register member itself successfully", info);
    let { members, size } = await this.#check();
    const counts = (): LogFields => ({ clusterSize: size, "found-peers": members.length });
    if (members.length < size) {
      logger.info("waiting for peers from discovery service", counts());
    }
    while (members.length < size) {
      await new Promise<void>((resolve) => {
        clock.after(discoveryLimits.memberPollMs, resolve);
      });
      members = await this.#patiently("cluster status check", () => this.#members());
    }
    logger.info("found all needed peers from discovery service", counts());
    const cluster = members
      .slice(0, size)
      .map(({ value }) => value)
      .join(",");
    if (parseInitialCluster(cluster).kind === "error") {
      throw new Refusal("discovery: invalid peer URL");
    }
    return cluster;
  }

  /** The members so far. @throws Refusal also when others have taken all places */
  async #check(): Promise<{ members: readonly DiscoveryKeyValue[]; size: number }> {
    const found = await this.#patiently("cluster status check", async () => {
      const size = await this.#size();
      return { size, members: await this.#members() };
    });
    const place = found.members.findIndex(({ key }) => key === this.#ownKey);
    const isFull = place < 0 ? found.members.length >= found.size : place >= found.size;
    if (isFull) throw new Refusal("discovery: cluster is full");
    return found;
  }

  async #size(): Promise<number> {
    const found = await this.#options.kv.get(`${this.#prefix}/_config/size`);
    if (found === undefined) throw new Refusal("discovery: size key not found");
    const isNumber = /^[+-]?\d+$/.test(found.value);
    const size = Number(found.value);
    if (!isNumber || size <= 0 || !Number.isSafeInteger(size)) {
      throw new Refusal("discovery: size key is bad");
    }
    return size;
  }

  /** In the order in which they registered. */
  async #members(): Promise<DiscoveryKeyValue[]> {
    const { kv, logger } = this.#options;
    const members: DiscoveryKeyValue[] = [];
    for (const found of await kv.list(`${this.#prefix}/members`)) {
      const fields = { memberKey: found.key.trim(), memberInfo: found.value.trim() };
      if (!found.value.includes("=")) {
        logger.warn("invalid peer info returned from discovery service", fields);
        continue;
      }
      logger.debug("found peer from discovery service", fields);
      const { memberKey: key, memberInfo: value } = fields;
      members.push({ key, value, createRevision: found.createRevision });
    }
    return members.sort((left, right) => left.createRevision - right.createRevision);
  }

  async #patiently<Answer>(reason: string, ask: () => Promise<Answer>): Promise<Answer> {
    const { clock, logger } = this.#options;
    for (;;) {
      try {
        const answer = await ask();
        this.#retries = 0;
        return answer;
      } catch (error) {
        if (error instanceof Refusal) throw error;
        logger.warn("failed to ask the discovery service", { reason, error: String(error) });
      }
      if (this.#retries >= discoveryLimits.retriesMax) {
        throw new Refusal("discovery: too many retries");
      }
      this.#retries++;
      const backoffMs = 1_000 * 2 ** Math.min(this.#retries, discoveryLimits.backoffExponentMax);
      const backoff = formatGoDuration(backoffMs * 1e6);
      logger.warn("retry connecting to discovery service", { reason, backoff });
      await new Promise<void>((resolve) => {
        clock.after(backoffMs, resolve);
      });
    }
  }
}
