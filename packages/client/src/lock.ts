import { apiErrorText } from "@kvorum/api";
import { ClientError } from "./client-error.js";
import { FIRST, KeyQueue } from "./key-queue.js";
import type { Bytes } from "./ops.js";
import type { KeyValue, ResponseHeader, TxnResponse } from "./responses.js";
import { type RecipeClient, Session, type SessionOptions } from "./session.js";
import { type Comparison, compare, op } from "./txn.js";

/**
 * A lock that this client has got. A key stands for it that goes with a lease of its own, which is
 * kept alive; the lock is held as long as the key is there. The counterpart of concurrency.Mutex.
 *
 * A client that was cut off may learn of the loss when the next holder has the lock already. So
 * writes that must not come late are done in a transaction with `owner` among its conditions.
 */
export class Lock {
  readonly key: Buffer;
  /** The revision the key was made in. It grows from holder to holder. */
  readonly createRevision: number;
  /** Of the answer by which the lock was got. */
  readonly header: ResponseHeader;
  readonly #session: Session;

  constructor(
    session: Session,
    { key, createRevision, header }: Pick<Lock, "key" | "createRevision" | "header">,
  ) {
    this.key = key;
    this.createRevision = createRevision;
    this.header = header;
    this.#session = session;
  }

  /** Of the lease that the key goes with. */
  get lease(): bigint {
    return this.#session.lease;
  }

  /** Whether the lock was neither given back nor is known to be lost. */
  get isHeld(): boolean {
    return this.#session.isAlive;
  }

  /**
   * Aborted when the lease has expired, was revoked or can't be kept alive any more, with a
   * ClientError as the reason. Neither `unlock` nor the deletion of the key by others does that.
   */
  get lost(): AbortSignal {
    return this.#session.lost;
  }

  /** Holds in a transaction if the lock is held when that is done. */
  get owner(): Comparison {
    return compare.createRevision(this.key, "=", this.createRevision);
  }

  /**
   * Gives the lock back; of one that was lost, nothing is left to do.
   * @throws ClientError when no server could be told: the lock is free when its lease has run out,
   * and may be given back again before
   */
  unlock(): Promise<void> {
    return this.#session.end();
  }
}

/** See Client.lock. */
export function lock(client: RecipeClient, name: Bytes, options: SessionOptions): Promise<Lock> {
  const queue = new KeyQueue(client, name);
  return Session.use(client, options, async (session, signal) => {
    const key = queue.keyOf(session.lease);
    // The lease is new, so the key can't be there yet.
    const success = [putIn(session, key), op.get(queue.prefix, FIRST)];
    const joined = await client.kv.txn({ success }, { signal });
    const createRevision = joined.header.revision;
    if (foundBy(joined, 1)?.createRevision === createRevision) {
      return new Lock(session, { key, createRevision, header: joined.header });
    }
    await queue.waitUntilFirst(createRevision, signal);
    const { header, kvs } = await client.kv.get(key, { signal });
    if (kvs[0]?.createRevision !== createRevision) throw expired();
    return new Lock(session, { key, createRevision, header });
  });
}

/** See Client.tryLock. */
export async function tryLock(
  client: RecipeClient,
  name: Bytes,
  options: SessionOptions,
): Promise<Lock | undefined> {
  const queue = new KeyQueue(client, name);
  return Session.use(client, options, async (session, signal) => {
    const key = queue.keyOf(session.lease);
    // Of every key in a range that must be 0; so it holds for an empty queue only.
    const isFree = compare.createRevision(queue.prefix, "=", 0, { prefix: true });
    const success = [putIn(session, key)];
    const { header, succeeded } = await client.kv.txn({ compare: [isFree], success }, { signal });
    if (succeeded) return new Lock(session, { key, createRevision: header.revision, header });
    await session.end();
    return undefined;
  });
}

function putIn({ lease }: Session, key: Buffer) {
  return op.put(key, "", { lease });
}

/** What the range at this place of a transaction has found first. */
function foundBy({ responses }: TxnResponse, place: number): KeyValue | undefined {
  const response = responses[place]?.response;
  return response?.$case === "responseRange" ? response.value.kvs[0] : undefined;
}

/** Somebody has deleted the key of who waited. */
function expired(): ClientError {
  return new ClientError("UNKNOWN", apiErrorText("sessionExpired"));
}
