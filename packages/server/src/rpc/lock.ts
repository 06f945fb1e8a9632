import { apiError, v3lockpb } from "@kvorum/api";
import type { Method } from "@kvorum/grpc";
import {
  foundBy,
  KeyQueue,
  leaseOf,
  leaveQueue,
  putOf,
  type QueueServiceOptions,
  rangeOf,
  wasCreatedAt,
} from "./key-queue.js";
import { type LastingCaller, lastingUnary } from "./lasting-call.js";

/**
 * v3lockpb.Lock: locks that are made of keys, one for each who wants it, in a queue. The holder's key
 * is the first of the queue, and an unlock deletes it. Source: etcd's v3lock and concurrency.Mutex.
 */
export class LockService {
  readonly #options: QueueServiceOptions;

  constructor(options: QueueServiceOptions) {
    this.#options = options;
  }

  methods(): [string, Method][] {
    const { LockRequest, UnlockRequest } = v3lockpb;
    const { openStreams } = this.#options;
    return [
      [
        "/v3lockpb.Lock/Lock",
        lastingUnary(LockRequest, openStreams, (request, caller) => this.#lock(request, caller)),
      ],
      [
        "/v3lockpb.Lock/Unlock",
        lastingUnary(UnlockRequest, openStreams, (request, caller) =>
          this.#unlock(request, caller),
        ),
      ],
    ];
  }

  /** Who holds the lock has it at once; who asks again by the same lease keeps the old place. */
  async #lock(request: v3lockpb.LockRequest, caller: LastingCaller): Promise<Uint8Array> {
    const { client } = this.#options;
    const lease = await leaseOf(client, caller, request.lease);
    const queue = new KeyQueue(request.name, this.#options);
    const key = queue.keyOf(lease);
    const joined = await client.txn(caller, {
      compare: [wasCreatedAt(key, 0)],
      success: [putOf({ key, value: NO_BYTES, lease }), rangeOf(queue.first)],
      failure: [rangeOf({ key }), rangeOf(queue.first)],
    });
    const createRevision = joined.succeeded
      ? joined.header!.revision
      : foundBy(joined, 0)!.createRevision;
    const holder = foundBy(joined, 1);
    if (holder === undefined || holder.createRevision === createRevision) {
      return encodeLock({ header: joined.header, key });
    }
    return this.#wait(queue, caller, { key, createRevision });
  }

  async #wait(
    queue: KeyQueue,
    caller: LastingCaller,
    own: { readonly key: Buffer; readonly createRevision: number },
  ): Promise<Uint8Array> {
    const { client } = this.#options;
    const { key } = own;
    try {
      await queue.waitUntilFirst(caller, own.createRevision);
      const { header, kvs } = await client.range(caller, { key });
      caller.signal.throwIfAborted();
      // The lease has ended meanwhile, or somebody has deleted the key.
      if (kvs.length === 0) throw apiError("sessionExpired");
      return encodeLock({ header, key });
    } catch (error) {
      await leaveQueue(client, caller, own);
      throw error;
    }
  }

  async #unlock({ key }: v3lockpb.UnlockRequest, caller: LastingCaller): Promise<Uint8Array> {
    const { header } = await this.#options.client.delete(caller, key);
    return v3lockpb.UnlockResponse.encode({ header }).finish();
  }
}

const NO_BYTES = new Uint8Array(0);

function encodeLock(response: v3lockpb.LockResponse): Uint8Array {
  return v3lockpb.LockResponse.encode(response).finish();
}
