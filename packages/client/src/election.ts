import { apiErrorText, mvccpb } from "@kvorum/api";
import { asClientError, ClientError } from "./client-error.js";
import type { CallOptions } from "./client-options.js";
import { abortable, FIRST, isCompacted, KeyQueue } from "./key-queue.js";
import type { Bytes } from "./ops.js";
import type { KeyValue, ResponseHeader } from "./responses.js";
import { type RecipeClient, Session, type SessionOptions } from "./session.js";
import { compare, op } from "./txn.js";

const { DELETE } = mvccpb.Event_EventType;

/** What a leader proclaims: the value of its key. */
export interface Proclamation {
  readonly header: ResponseHeader;
  readonly kv: KeyValue;
}

/**
 * An election by name. Its candidates stand in a queue, those of `etcdctl elect` and of the service
 * v3electionpb.Election included, and the first of them leads. The counterpart of
 * concurrency.Election. Every call throws ClientError.
 */
export class Election {
  readonly #client: RecipeClient;
  readonly #queue: KeyQueue;

  constructor(client: RecipeClient, name: Bytes) {
    this.#client = client;
    this.#queue = new KeyQueue(client, name);
  }

  /**
   * Stands for election and resolves once this candidate leads.
   * @param value what it proclaims
   * @throws ClientError "CANCELLED" when the signal ends the wait; no key is left behind then
   */
  campaign(value: Bytes, options: SessionOptions = {}): Promise<Leadership> {
    return Session.use(this.#client, options, async (session, signal) => {
      const { lease } = session;
      const key = this.#queue.keyOf(lease);
      // The lease is new, so the key can't be there yet.
      const { header } = await this.#client.kv.put(key, value, { lease, signal });
      await this.#queue.waitUntilFirst(header.revision, signal);
      return new Leadership(this.#client, session, { key, createRevision: header.revision });
    });
  }

  /** Who leads now; undefined when nobody does. */
  async leader(options: CallOptions = {}): Promise<Proclamation | undefined> {
    const { header, kvs } = await this.#client.kv.get(this.#queue.prefix, { ...FIRST, ...options });
    return kvs[0] === undefined ? undefined : { header, kv: kvs[0] };
  }

  /**
   * Who leads now, then each proclamation of the leader, and the next leader when it has gone, until
   * the signal ends it or the loop is left. A leader who came and went between two reads may be left
   * out; the newest never is.
   *
   *     read the first candidate --none--> watch the queue for a put
   *        ^            |                            |
   *        |            v                            v
   *        |         yield it <----------------------+
   *        |            |
   *        +--deleted-- watch its key, yield each put
   */
  async *observe(
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<Proclamation, void, undefined> {
    const { signal } = options;
    for (;;) {
      try {
        yield* this.#observeOne(signal);
      } catch (error) {
        if (signal?.aborted) return;
        // What was not seen is no longer there to be watched, so it is read anew.
        if (!isCompacted(error)) throw asClientError(error);
      }
    }
  }

  /** The proclamations of one leader. */
  async *#observeOne(signal: AbortSignal | undefined): AsyncGenerator<Proclamation> {
    const { header, kvs } = await this.#client.kv.get(this.#queue.prefix, { ...FIRST, signal });
    const leader = kvs[0] ?? (await this.#nextPut(header.revision, signal));
    const seen = Math.max(header.revision, leader.modRevision);
    yield { header: { ...header, revision: seen }, kv: leader };
    const watcher = this.#client.watch(leader.key, { startRevision: seen + 1 });
    for await (const response of abortable(watcher, signal)) {
      for (const { type, kv } of response.events) {
        if (type === DELETE) return;
        yield { header: response.header, kv: kv! };
      }
    }
  }

  /** The first key that is put into an empty queue. */
  async #nextPut(afterRevision: number, signal: AbortSignal | undefined): Promise<KeyValue> {
    const options = { prefix: true, startRevision: afterRevision + 1 } as const;
    const watcher = this.#client.watch(this.#queue.prefix, { ...options, without: ["delete"] });
    for await (const { events } of abortable(watcher, signal)) {
      if (events[0]?.kv !== undefined) return events[0].kv;
    }
    // A watcher that is not cancelled never ends without an error.
    throw new ClientError("INTERNAL", "the watch of an election has ended");
  }
}

/**
 * An election that this client has won. Its key goes with a lease of its own, which is kept alive;
 * who has lost that does not lead any more.
 */
export class Leadership {
  readonly key: Buffer;
  /** The revision the key was made in. It grows from leader to leader. */
  readonly createRevision: number;
  readonly #client: RecipeClient;
  readonly #session: Session;

  constructor(
    client: RecipeClient,
    session: Session,
    { key, createRevision }: { readonly key: Buffer; readonly createRevision: number },
  ) {
    this.#client = client;
    this.#session = session;
    this.key = key;
    this.createRevision = createRevision;
  }

  /** Of the lease that the key goes with. */
  get lease(): bigint {
    return this.#session.lease;
  }

  /** Whether the leader has neither resigned nor is known to have lost its lease. */
  get isLeader(): boolean {
    return this.#session.isAlive;
  }

  /** As Lock.lost. */
  get lost(): AbortSignal {
    return this.#session.lost;
  }

  /**
   * Proclaims another value, without a new election.
   * @throws ClientError "UNKNOWN" with "election: not leader" when the key is gone or was made anew
   */
  async proclaim(value: Bytes, options: CallOptions = {}): Promise<void> {
    const { lease } = this.#session;
    const isLeader = compare.createRevision(this.key, "=", this.createRevision);
    const txn = { compare: [isLeader], success: [op.put(this.key, value, { lease })] };
    const { succeeded } = await this.#client.kv.txn(txn, options);
    if (!succeeded) throw new ClientError("UNKNOWN", apiErrorText("electionNotLeader"));
  }

  /** Leaves the lead to the next candidate; fails as Lock.unlock does. */
  resign(): Promise<void> {
    return this.#session.end();
  }
}
