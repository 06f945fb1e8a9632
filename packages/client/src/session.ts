import { asClientError, ClientError } from "./client-error.js";
import type { Kv } from "./kv.js";
import { type Lease, leaseNotFound } from "./lease.js";
import type { LeaseKeepAlive } from "./lease-keep-alive.js";
import { limits } from "./limits.js";
import type { Bytes } from "./ops.js";
import type { WatchOptions } from "./watch.js";
import type { Watcher } from "./watcher.js";

export interface SessionOptions {
  /** How long, in seconds, a key outlives a client that is gone; 60 unless given. */
  readonly ttlSeconds?: number | undefined;
  /** Gives up waiting; without effect on what was got before. */
  readonly signal?: AbortSignal | undefined;
}

/** The parts of a client that locks and elections are made of. */
export interface RecipeClient {
  readonly kv: Kv;
  readonly lease: Lease;
  watch(key: Bytes, options?: WatchOptions): Watcher;
}

/**
 * A lease of its own that is kept alive, with whatever hangs on it. The counterpart of
 * concurrency.Session.
 */
export class Session {
  readonly lease: bigint;
  /** Aborted, with a ClientError as the reason, when the lease is lost; not by `end`. */
  readonly lost: AbortSignal;
  readonly #client: RecipeClient;
  readonly #keepAlive: LeaseKeepAlive;
  readonly #ttlMs: number;
  #isEnded = false;

  private constructor(
    client: RecipeClient,
    granted: { readonly ID: bigint; readonly TTL: number },
  ) {
    this.#client = client;
    this.lease = granted.ID;
    this.#ttlMs = granted.TTL * 1_000;
    const loss = new AbortController();
    this.lost = loss.signal;
    this.#keepAlive = client.lease.keepAlive(this.lease);
    void this.#keepAlive.ended.then((error) => {
      if (!this.#isEnded) loss.abort(error ?? leaseNotFound());
    });
  }

  /**
   * Opens a session and does with it what `use` does. If that fails the session is ended first, so
   * that its keys are gone.
   * @param use is given a signal that ends its waits, by the loss of the lease or the caller
   */
  static async use<Result>(
    client: RecipeClient,
    { ttlSeconds, signal: given }: SessionOptions,
    use: (session: Session, signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    const ttl = ttlSeconds ?? limits.sessionTtlSeconds;
    const session = new Session(client, await client.lease.grant(ttl, { signal: given }));
    try {
      const { lost } = session;
      return await use(session, given === undefined ? lost : AbortSignal.any([given, lost]));
    } catch (error) {
      const why = session.lost.aborted ? session.lost.reason : error;
      // Where that can't be done either, the keys go when the lease runs out.
      await session.end().catch(() => undefined);
      throw asClientError(why);
    }
  }

  /** Whether the lease is neither ended nor known to be lost. */
  get isAlive(): boolean {
    return !this.#isEnded && !this.lost.aborted;
  }

  /**
   * Revokes the lease, and with it deletes its keys; of one that is gone already, nothing is left
   * to do. Should it fail, it may be called again, and the lease runs out within its TTL.
   */
  async end(): Promise<void> {
    this.#isEnded = true;
    this.#keepAlive.stop();
    try {
      await this.#client.lease.revoke(this.lease, { timeoutMs: this.#ttlMs });
    } catch (error) {
      if (!(error instanceof ClientError) || error.code !== "NOT_FOUND") throw error;
    }
  }
}
