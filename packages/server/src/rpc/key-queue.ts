import { ApiError, etcdserverpb, type mvccpb } from "@kvorum/api";
import type { LeaseId, MainRevision } from "@kvorum/base";
import type { WatchHub } from "@kvorum/mvcc";
import type { LastingCaller } from "./lasting-call.js";
import type { Caller, LocalClient } from "./local-client.js";
import type { OpenStreams } from "./open-streams.js";
import { watchKeys } from "./watch-keys.js";

/** What the services need whose calls stand in queues of keys. */
export interface QueueServiceOptions {
  /** Asks the member for what a call is made of. */
  readonly client: LocalClient;
  /** The watches of those who wait. */
  readonly hub: WatchHub;
  readonly openStreams: OpenStreams;
}

type RangeRequest = Partial<etcdserverpb.RangeRequest>;

const {
  Compare_CompareResult: CompareResult,
  Compare_CompareTarget: CompareTarget,
  RangeRequest_SortOrder: SortOrder,
  RangeRequest_SortTarget: SortTarget,
  WatchCreateRequest_FilterType: FilterType,
} = etcdserverpb;

/** TTL in seconds of a lease that is made for who brings none. Source: defaultSessionTTL of etcd. */
const SESSION_TTL_SECONDS = 60;

/**
 * The keys of those who want a lock, or to lead: `name/` and the lease's id in hexadecimal. They
 * stand in a queue, in the order of their create revisions, and the first of them has it. A key goes
 * with its lease. The same rules as those of etcd's clients, which may stand in the same queue.
 */
export class KeyQueue {
  readonly #name: Uint8Array;
  readonly #client: LocalClient;
  readonly #hub: WatchHub;

  constructor(name: Uint8Array, { client, hub }: Pick<QueueServiceOptions, "client" | "hub">) {
    this.#name = name;
    this.#client = client;
    this.#hub = hub;
  }

  /** The key of who holds this lease. */
  keyOf(lease: LeaseId): Buffer {
    return Buffer.concat([this.#name, Buffer.from(`/${lease.toString(16)}`)]);
  }

  /** All keys: "0" comes right behind "/". */
  get range(): { readonly key: Buffer; readonly rangeEnd: Buffer } {
    return {
      key: Buffer.concat([this.#name, Buffer.from("/")]),
      rangeEnd: Buffer.concat([this.#name, Buffer.from("0")]),
    };
  }

  /** Asks for the first of the queue. */
  get first(): RangeRequest {
    return { ...this.range, limit: 1, sortOrder: SortOrder.ASCEND, sortTarget: SortTarget.CREATE };
  }

  /** Resolves when every key that came before this revision is gone. */
  async waitUntilFirst(caller: LastingCaller, createRevision: MainRevision): Promise<void> {
    const before = { sortOrder: SortOrder.DESCEND, maxCreateRevision: createRevision - 1 };
    const last = { ...this.first, ...before };
    for (;;) {
      const { header, kvs } = await this.#client.range(caller, last);
      caller.signal.throwIfAborted();
      if (kvs.length === 0) return;
      await watchKeys(this.#hub, {
        key: kvs[0]!.key,
        startRevision: header!.revision + 1,
        filters: [FilterType.NOPUT],
        signal: caller.signal,
        take: () => "done",
      });
    }
  }
}

/** The lease that a request names, or a new one, which nobody renews. */
export async function leaseOf(
  client: LocalClient,
  caller: LastingCaller,
  lease: LeaseId,
): Promise<LeaseId> {
  if (lease !== 0n) return lease;
  const { ID } = await client.leaseGrant(caller, SESSION_TTL_SECONDS);
  caller.signal.throwIfAborted();
  return ID;
}

/**
 * Takes a key out of its queue for a caller who has gone or was refused, unless it was made anew
 * since. That it can't be done changes nothing: the key goes with its lease.
 */
export async function leaveQueue(
  client: LocalClient,
  caller: Caller,
  own: { readonly key: Uint8Array; readonly createRevision: MainRevision },
): Promise<void> {
  try {
    await client.txn(caller, {
      compare: [wasCreatedAt(own.key, own.createRevision)],
      success: [deletion(own.key)],
      failure: [],
    });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
}

/** @param revision 0: the key does not exist */
export function wasCreatedAt(key: Uint8Array, revision: MainRevision): etcdserverpb.Compare {
  return {
    key,
    rangeEnd: NO_BYTES,
    result: CompareResult.EQUAL,
    target: CompareTarget.CREATE,
    targetUnion: { $case: "createRevision", value: revision },
  };
}

export function rangeOf(request: RangeRequest): etcdserverpb.RequestOp {
  return { request: { $case: "requestRange", value: { ...EMPTY_RANGE, ...request } } };
}

export function putOf(
  put: Pick<etcdserverpb.PutRequest, "key" | "value" | "lease">,
): etcdserverpb.RequestOp {
  return { request: { $case: "requestPut", value: { ...EMPTY_PUT, ...put } } };
}

export function deletion(key: Uint8Array): etcdserverpb.RequestOp {
  const value = { key, rangeEnd: NO_BYTES, prevKv: false };
  return { request: { $case: "requestDeleteRange", value } };
}

/** What the range at this place of a transaction has found. */
export function foundBy(
  { responses }: etcdserverpb.TxnResponse,
  place: number,
): mvccpb.KeyValue | undefined {
  const response = responses[place]?.response;
  return response?.$case === "responseRange" ? response.value.kvs[0] : undefined;
}

const NO_BYTES = new Uint8Array(0);

const EMPTY_RANGE = etcdserverpb.RangeRequest.decode(NO_BYTES);
const EMPTY_PUT = etcdserverpb.PutRequest.decode(NO_BYTES);
