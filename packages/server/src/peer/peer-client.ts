import { etcdserverpb, leasepb } from "@kvorum/api";
import {
  type Clock,
  type ClusterId,
  hexId,
  type LeaseId,
  type MainRevision,
  type MemberId,
  messageOf,
} from "@kvorum/base";
import { parseGoBool } from "../config/go-text.js";
import type { Member } from "../membership/member.js";
import type { DialTls } from "../tls/dial-tls.js";
import { Dialer } from "./dialer.js";
import { callPeer, type HttpAnswer } from "./http-call.js";
import { peerLimits } from "./limits.js";
import { parseMembers } from "./members-json.js";
import { PeerError } from "./peer-error.js";
import { headerOf, parseHexId } from "./peer-headers.js";
import type {
  HashKvAnswer,
  LeaseKeepAliveAnswer,
  LeaseTimeToLiveAnswer,
  PromoteAnswer,
} from "./peer-host.js";

export interface PeerClientOptions {
  readonly clock: Clock;
  readonly electionTimeoutMs: number;
  /** For https URLs. */
  readonly dialTls?: DialTls;
}

/** A cluster as one of its members describes it. */
export interface RemoteCluster {
  readonly clusterId: ClusterId;
  /** At least one. */
  readonly members: readonly Member[];
}

/** What GET /version says; fields that the member's release does not know are empty. */
export interface RemoteVersions {
  /** "X.Y.Z" */
  readonly server: string;
  /** "X.Y.Z" or "not_decided". */
  readonly cluster: string;
  /** "X.Y.Z" or "unknown". */
  readonly storage: string;
}

/** One member's page at one URL. */
export interface Target {
  /** Peer URL, without a path. */
  readonly url: string;
  /** For the whole call. */
  readonly timeoutMs: number;
}

export type HashKvReply = HashKvAnswer | { readonly kind: "cluster-mismatch" };
export type TimeToLiveReply = LeaseTimeToLiveAnswer;

/**
 * The questions that members ask each other outside of raft, each one HTTP call with a time-out and
 * a limit on its answer. Every method throws PeerError when there is no answer, or none that it
 * understands: trying the next URL or member is the caller's.
 */
export class PeerClient {
  readonly #clock: Clock;
  readonly #dialer: Dialer;

  constructor({ clock, electionTimeoutMs, dialTls }: PeerClientOptions) {
    const dialTimeoutMs = peerLimits.dialTimeoutBaseMs + electionTimeoutMs;
    this.#clock = clock;
    this.#dialer = new Dialer({ tls: dialTls, clock, dialTimeoutMs });
  }

  /**
   * The cluster as the first of `urls` that answers tells it; `timeoutMs` is for each of them.
   * @param onFailure told about the ones before
   */
  async getMembers(
    urls: readonly string[],
    timeoutMs: number,
    onFailure: (address: string, error: PeerError) => void = () => {},
  ): Promise<RemoteCluster> {
    for (const url of urls) {
      try {
        const { headers, body } = await this.#get({ url, timeoutMs }, "/members");
        const members = parseMembers(body.toString("utf8"));
        const clusterId = parseHexId(headerOf(headers, "x-etcd-cluster-id"));
        if (clusterId === undefined) throw new PeerError("MALFORMED", "no cluster ID");
        if (members.length > 0) return { clusterId, members };
      } catch (error) {
        onFailure(`${url}/members`, asPeerError(error));
        continue;
      }
      // etcd asks no other member either when one has an empty list.
      const text = "failed to get raft cluster member(s) from the given URLs";
      throw new PeerError("REFUSED", text);
    }
    const text = "could not retrieve cluster information from the given URLs";
    throw new PeerError("UNREACHABLE", text);
  }

  async getVersion(target: Target): Promise<RemoteVersions> {
    const { body } = await this.#get(target, "/version");
    const { etcdserver = "", etcdcluster = "", storage = "" } = parseObject(body);
    return { server: String(etcdserver), cluster: String(etcdcluster), storage: String(storage) };
  }

  async getDowngradeEnabled(target: Target): Promise<boolean> {
    const { body } = await this.#get(target, "/downgrade/enabled");
    const text = body.toString("utf8");
    const isEnabled = parseGoBool(text);
    if (isEnabled !== undefined) return isEnabled;
    throw new PeerError("MALFORMED", `parsing ${JSON.stringify(text)}: invalid syntax`);
  }

  /** @param token of the user on whose behalf; undefined without auth */
  async postPromote(
    target: Target,
    id: MemberId,
    token: string | undefined,
  ): Promise<PromoteAnswer | { readonly kind: "timed-out" }> {
    const headers: Record<string, string> = token === undefined ? {} : { Authorization: token };
    const answer = await this.#call(target, {
      path: `/members/promote/${id}`,
      method: "POST",
      headers,
    });
    const text = answer.body.toString("utf8").trimEnd();
    if (answer.status === 200) return { kind: "promoted", members: parseMembers(text) };
    if (answer.status === 404) return { kind: "unknown-member" };
    if (answer.status === 408) return { kind: "timed-out" };
    if (answer.status === 412 && text.includes("in sync with leader")) {
      return { kind: "learner-not-ready" };
    }
    if (answer.status === 412 && text.includes("only promote a learner")) {
      return { kind: "not-a-learner" };
    }
    return { kind: "failed", reason: `member promote: unknown error(${text})` };
  }

  /** @param revision 0 means the latest */
  async hashKv(
    target: Target,
    { clusterId, revision }: { readonly clusterId: ClusterId; readonly revision: MainRevision },
  ): Promise<HashKvReply> {
    const body = Buffer.from(JSON.stringify(revision === 0 ? {} : { revision }));
    const headers = {
      "Content-Type": "application/json",
      "X-Etcd-Cluster-ID": hexId(clusterId),
      // A GET with a body: node:http must be told that there is one.
      "Content-Length": String(body.length),
    };
    const request = { path: "/members/hashkv", method: "GET", headers, body } as const;
    const answer = await this.#call(target, request);
    const text = answer.body.toString("utf8").trimEnd();
    if (answer.status === 200) return readHash(answer.body);
    if (answer.status === 400 && text.includes("has been compacted")) return { kind: "compacted" };
    if (answer.status === 400 && text.includes("is a future revision")) {
      return { kind: "future-revision" };
    }
    if (answer.status === 412 && text.includes("cluster ID mismatch")) {
      return { kind: "cluster-mismatch" };
    }
    return { kind: "failed", reason: `unknown error: ${text}` };
  }

  /** Renews a lease at the leader. */
  async leaseKeepAlive(target: Target, id: LeaseId): Promise<LeaseKeepAliveAnswer> {
    const body = etcdserverpb.LeaseKeepAliveRequest.encode({ ID: id }).finish();
    const answer = await this.#postLease(target, "/leases", body);
    if (answer.status !== 200) return leaseRefusal(answer);
    const { ID, TTL } = decoded(() => etcdserverpb.LeaseKeepAliveResponse.decode(answer.body));
    if (ID !== id) throw new PeerError("MALFORMED", "lease: renew id mismatch");
    return { kind: "renewed", ttlSeconds: TTL };
  }

  /** Asks the leader for what is left of a lease. */
  async leaseTimeToLive(
    target: Target,
    { id, withKeys }: { readonly id: LeaseId; readonly withKeys: boolean },
  ): Promise<TimeToLiveReply> {
    const asked = { LeaseTimeToLiveRequest: { ID: id, keys: withKeys } };
    const body = leasepb.LeaseInternalRequest.encode(asked).finish();
    const answer = await this.#postLease(target, "/leases/internal", body);
    if (answer.status !== 200) return leaseRefusal(answer);
    const reply = decoded(() => leasepb.LeaseInternalResponse.decode(answer.body));
    const lease = reply.LeaseTimeToLiveResponse;
    if (lease?.ID !== id) throw new PeerError("MALFORMED", "lease: TTL id mismatch");
    const { TTL, grantedTTL, keys } = lease;
    return { kind: "found", ttlSeconds: TTL, grantedTtlSeconds: grantedTTL, keys };
  }

  async #get(target: Target, path: string): Promise<HttpAnswer> {
    const answer = await this.#call(target, { path, method: "GET", headers: {} });
    const { status, body } = answer;
    if (status === 200) return answer;
    const text = `GET ${target.url}${path}: ${status} ${body.toString("utf8", 0, 200).trimEnd()}`;
    throw new PeerError("REFUSED", text, { status });
  }

  #postLease(target: Target, path: string, body: Uint8Array): Promise<HttpAnswer> {
    const headers = { "Content-Type": "application/protobuf" };
    const answerBytesMax = peerLimits.leaseAnswerBytesMax;
    return this.#call(target, { path, method: "POST", headers, body, answerBytesMax });
  }

  #call(
    { url, timeoutMs }: Target,
    request: {
      readonly path: string;
      readonly method: "GET" | "POST";
      readonly headers: Readonly<Record<string, string>>;
      readonly body?: Uint8Array;
      readonly answerBytesMax?: number;
    },
  ): Promise<HttpAnswer> {
    const { body, answerBytesMax = peerLimits.membersBytesMax, ...rest } = request;
    return callPeer(
      { dialer: this.#dialer, clock: this.#clock },
      { ...rest, url, timeoutMs, body, answerBytesMax, signal: undefined },
    );
  }
}

function readHash(body: Buffer): HashKvAnswer {
  const { header, hash = 0, compact_revision = 0, hash_revision = 0 } = parseObject(body);
  const currentRevision = (header as { revision?: unknown } | undefined)?.revision ?? 0;
  const numbers = [currentRevision, hash, compact_revision, hash_revision];
  if (!numbers.every((value) => Number.isSafeInteger(value))) {
    throw new PeerError("MALFORMED", "a hash that is no number");
  }
  const [current, sum, compact, upTo] = numbers as [number, number, number, number];
  return {
    kind: "hash",
    currentRevision: current,
    hash: sum,
    compactRevision: compact,
    hashRevision: upTo,
  };
}

function leaseRefusal({ status, body }: HttpAnswer): LeaseKeepAliveAnswer & TimeToLiveReply {
  const text = body.toString("utf8").trimEnd();
  if (status === 404) return { kind: "not-found" };
  if (status === 408) return { kind: "timed-out" };
  if (text === "not a primary lessor") return { kind: "not-primary" };
  throw new PeerError("REFUSED", `lease: unknown error(${text})`, { status });
}

function parseObject(body: Buffer): Readonly<Record<string, unknown>> {
  const parsed: unknown = decoded(() => JSON.parse(body.toString("utf8")));
  if (typeof parsed === "object" && parsed !== null) return parsed as Record<string, unknown>;
  throw new PeerError("MALFORMED", "an answer that is no JSON object");
}

function decoded<Value>(decode: () => Value): Value {
  try {
    return decode();
  } catch (error) {
    throw asPeerError(error);
  }
}

function asPeerError(error: unknown): PeerError {
  if (error instanceof PeerError) return error;
  return new PeerError("MALFORMED", messageOf(error), { cause: error });
}
