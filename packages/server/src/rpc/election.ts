import { apiError, type etcdserverpb, v3electionpb } from "@kvorum/api";
import type { LeaseId } from "@kvorum/base";
import type { Method, StreamCall } from "@kvorum/grpc";
import {
  deletion,
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
import { openObserve } from "./observe-election.js";

/** A key in the queue of an election, and the lease that it goes with. */
interface Candidate {
  readonly key: Uint8Array;
  readonly createRevision: number;
  readonly lease: LeaseId;
}

/**
 * v3electionpb.Election: a queue of candidates, each a key whose value is what it proclaims; the
 * first of them leads. Source: etcd's v3election and concurrency.Election.
 */
export class ElectionService {
  readonly #options: QueueServiceOptions;

  constructor(options: QueueServiceOptions) {
    this.#options = options;
  }

  methods(): [string, Method][] {
    const { CampaignRequest, ProclaimRequest, LeaderRequest, ResignRequest } = v3electionpb;
    const { openStreams } = this.#options;
    return [
      [
        "/v3electionpb.Election/Campaign",
        lastingUnary(CampaignRequest, openStreams, (request, caller) =>
          this.#campaign(request, caller),
        ),
      ],
      [
        "/v3electionpb.Election/Proclaim",
        lastingUnary(ProclaimRequest, openStreams, (request, caller) =>
          this.#proclaim(request, caller),
        ),
      ],
      [
        "/v3electionpb.Election/Leader",
        lastingUnary(LeaderRequest, openStreams, (request, caller) =>
          this.#leader(request, caller),
        ),
      ],
      [
        "/v3electionpb.Election/Observe",
        { kind: "stream", open: (call: StreamCall) => openObserve(call, this.#options) },
      ],
      [
        "/v3electionpb.Election/Resign",
        lastingUnary(ResignRequest, openStreams, (request, caller) =>
          this.#resign(request, caller),
        ),
      ],
    ];
  }

  /** Answers once the caller leads, with the header of its entry into the queue. */
  async #campaign(
    { name, value, lease: asked }: v3electionpb.CampaignRequest,
    caller: LastingCaller,
  ): Promise<Uint8Array> {
    const { client } = this.#options;
    const lease = await leaseOf(client, caller, asked);
    const queue = new KeyQueue(name, this.#options);
    const key = queue.keyOf(lease);
    const joined = await client.txn(caller, {
      compare: [wasCreatedAt(key, 0)],
      success: [putOf({ key, value, lease })],
      failure: [rangeOf({ key })],
    });
    const before = foundBy(joined, 0);
    const createRevision = before?.createRevision ?? joined.header!.revision;
    const own = { key, createRevision, lease };
    let isWaiting = false;
    try {
      const isNews = before !== undefined && Buffer.compare(before.value, value) !== 0;
      if (isNews) await this.#announce(caller, own, value);
      isWaiting = true;
      await queue.waitUntilFirst(caller, createRevision);
    } catch (error) {
      // When nothing but the wait has failed the key stays: its owner may campaign again.
      if (!isWaiting || caller.signal.aborted) await leaveQueue(client, caller, own);
      throw error;
    }
    const leader = { name, key, rev: createRevision, lease };
    return v3electionpb.CampaignResponse.encode({ header: joined.header, leader }).finish();
  }

  async #proclaim(
    { leader, value }: v3electionpb.ProclaimRequest,
    caller: LastingCaller,
  ): Promise<Uint8Array> {
    const own = await this.#resume(leader, caller);
    const header = await this.#announce(caller, own, value);
    return v3electionpb.ProclaimResponse.encode({ header }).finish();
  }

  /** Puts a candidate's value, unless its key is no more or was made anew. */
  async #announce(
    caller: LastingCaller,
    { key, createRevision, lease }: Candidate,
    value: Uint8Array,
  ): Promise<etcdserverpb.ResponseHeader | undefined> {
    const { succeeded, header } = await this.#options.client.txn(caller, {
      compare: [wasCreatedAt(key, createRevision)],
      success: [putOf({ key, value, lease })],
      failure: [],
    });
    if (!succeeded) throw apiError("electionNotLeader");
    return header;
  }

  async #leader({ name }: v3electionpb.LeaderRequest, caller: LastingCaller): Promise<Uint8Array> {
    const queue = new KeyQueue(name, this.#options);
    const { header, kvs } = await this.#options.client.range(caller, queue.first);
    if (kvs.length === 0) throw apiError("electionNoLeader");
    return v3electionpb.LeaderResponse.encode({ header, kv: kvs[0] }).finish();
  }

  /** Who does not lead any more resigns without effect. */
  async #resign(
    { leader }: v3electionpb.ResignRequest,
    caller: LastingCaller,
  ): Promise<Uint8Array> {
    const { key, createRevision } = await this.#resume(leader, caller);
    const { header } = await this.#options.client.txn(caller, {
      compare: [wasCreatedAt(key, createRevision)],
      success: [deletion(key)],
      failure: [],
    });
    return v3electionpb.ResignResponse.encode({ header }).finish();
  }

  /** The candidate that a request names; one without a lease is given one, as for a campaign. */
  async #resume(
    leader: v3electionpb.LeaderKey | undefined,
    caller: LastingCaller,
  ): Promise<Candidate> {
    if (leader === undefined) throw apiError("electionLeaderMissing");
    const lease = await leaseOf(this.#options.client, caller, leader.lease);
    return { key: leader.key, createRevision: leader.rev, lease };
  }
}
