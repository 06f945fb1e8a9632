import { etcdserverpb, leasepb } from "@kvorum/api";
import { hexId, messageOf, rethrowInvariant } from "@kvorum/base";
import { etcdVersion } from "../../config/version.js";
import { respond, respondError } from "../../http/respond.js";
import { readBody } from "../http-call.js";
import { peerLimits } from "../limits.js";
import { membersToJson } from "../members-json.js";
import { PeerError } from "../peer-error.js";
import { headerOf } from "../peer-headers.js";
import type { HashKvAnswer, LeaseRefusal } from "../peer-host.js";
import type { Exchange, PeerPages } from "./exchange.js";
import { refuseMethod, respondJsonError } from "./raft-checks.js";

type Page = (pages: PeerPages, exchange: Exchange) => void | Promise<void>;

const PAGES: ReadonlyMap<string, Page> = new Map<string, Page>([
  ["/raft/probing", serveProbe],
  ["/members", serveMembers],
  ["/members/hashkv", serveHashKv],
  ["/leases", serveLeaseKeepAlive],
  ["/leases/internal", serveLeaseTimeToLive],
  ["/downgrade/enabled", serveDowngrade],
  ["/version", serveVersion],
]);
const PROMOTE = "/members/promote/";

/** The pages besides raft: what members ask each other. False when `path` is none of them. */
export function serveQuery(pages: PeerPages, path: string, exchange: Exchange): boolean {
  const page = path.startsWith(PROMOTE) ? servePromoteAt(path) : PAGES.get(path);
  if (page === undefined) return false;
  // What the pages read is being closed; the connections end a little later.
  if (pages.isStopped()) respondError(exchange.response, 503, "server stopped");
  else page(pages, exchange)?.catch((error: unknown) => fail(pages, exchange, error));
  return true;
}

const servePromoteAt =
  (path: string): Page =>
  (pages, exchange) =>
    servePromote(pages, path.slice(PROMOTE.length), exchange);

/** The host's method threw: nothing that a caller could do something about. */
function fail({ logger }: PeerPages, { request, response }: Exchange, error: unknown): void {
  rethrowInvariant(error);
  logger.warn("failed to serve a peer", { path: request.url, error });
  if (response.headersSent) response.destroy();
  else respondError(response, 500, messageOf(error));
}

function serveProbe({ clock }: PeerPages, { response }: Exchange): void {
  const now = new Date(clock.wallMs()).toISOString();
  const body = `{"OK":true,"Now":"${now}"}\n`;
  respond(response, "text/plain; charset=utf-8", body);
}

function serveMembers({ local, host }: PeerPages, exchange: Exchange): void {
  if (refuseMethod(exchange, "GET")) return;
  exchange.response.setHeader("X-Etcd-Cluster-ID", hexId(local.clusterId));
  respond(exchange.response, "application/json", membersToJson(host.members()));
}

async function servePromote(
  { local, host, logger }: PeerPages,
  idText: string,
  exchange: Exchange,
): Promise<void> {
  const { request, response } = exchange;
  if (refuseMethod(exchange, "POST")) return;
  response.setHeader("X-Etcd-Cluster-ID", hexId(local.clusterId));
  if (!/^\d+$/.test(idText) || BigInt(idText) >= 1n << 64n) {
    respondError(response, 404, `member ${idText} not found in cluster`);
    return;
  }
  const id = BigInt(idText);
  const token = headerOf(request.headers, "authorization") || undefined;
  const answer = await host.promote(id, token);
  if (answer.kind === "promoted") {
    respond(response, "application/json", membersToJson(answer.members));
    return;
  }
  const refusal = answer.kind === "failed" ? undefined : PROMOTE_REFUSALS[answer.kind];
  if (refusal === undefined) respondJsonError(exchange, 500, "Internal Server Error");
  else respondError(response, refusal.status, refusal.text);
  const error = answer.kind === "failed" ? answer.reason : refusal?.text;
  logger.warn("failed to promote a member", { "member-id": hexId(id), error });
}

const PROMOTE_REFUSALS = {
  "unknown-member": { status: 404, text: "membership: ID not found" },
  "not-a-learner": {
    status: 412,
    text: "membership: can only promote a learner member",
  },
  "learner-not-ready": {
    status: 412,
    text: "etcdserver: can only promote a learner member which is in sync with leader",
  },
} as const;

async function serveHashKv(pages: PeerPages, exchange: Exchange): Promise<void> {
  const { local, host } = pages;
  const { request, response } = exchange;
  if (refuseMethod(exchange, "GET")) return;
  const clusterId = headerOf(request.headers, "x-etcd-cluster-id");
  if (clusterId !== "" && clusterId !== hexId(local.clusterId)) {
    respondError(response, 412, "cluster ID mismatch");
    return;
  }
  const body = await readRequest(exchange);
  if (body === undefined) return;
  const revision = parseRevision(body);
  if (revision === undefined) {
    respondError(response, 400, "error unmarshalling request");
    return;
  }
  const answer = await host.hashKv(revision);
  if (answer.kind === "hash") {
    response.setHeader("X-Etcd-Cluster-ID", hexId(local.clusterId));
    respond(response, "application/json", hashJson(answer));
  } else {
    const text = answer.kind === "failed" ? answer.reason : HASH_REFUSALS[answer.kind];
    respondError(response, 400, text);
  }
}

const HASH_REFUSALS = {
  compacted: "mvcc: required revision has been compacted",
  "future-revision": "mvcc: required revision is a future revision",
} as const;

/** encoding/json of HashKVRequest: the field may be missing; undefined: no such JSON. */
function parseRevision(body: Buffer): number | undefined {
  try {
    const parsed: unknown = JSON.parse(body.toString("utf8"));
    if (parsed === null) return 0;
    if (typeof parsed !== "object" || Array.isArray(parsed)) return undefined;
    const revision = (parsed as { revision?: unknown }).revision ?? 0;
    return Number.isSafeInteger(revision) ? (revision as number) : undefined;
  } catch {
    return undefined;
  }
}

/** encoding/json of HashKVResponse, which leaves zeros out. */
function hashJson(answer: Extract<HashKvAnswer, { kind: "hash" }>): string {
  const { currentRevision, hash, compactRevision, hashRevision } = answer;
  const orNothing = (value: number) => (value === 0 ? undefined : value);
  return JSON.stringify({
    header: { revision: orNothing(currentRevision) },
    hash: orNothing(hash),
    compact_revision: orNothing(compactRevision),
    hash_revision: orNothing(hashRevision),
  });
}

async function serveLeaseKeepAlive({ host }: PeerPages, exchange: Exchange): Promise<void> {
  const body = await readLeaseRequest(exchange);
  if (body === undefined) return;
  const asked = decoded(() => etcdserverpb.LeaseKeepAliveRequest.decode(body), exchange);
  if (asked === undefined) return;
  const answer = await host.leaseKeepAlive(asked.ID);
  if (answer.kind !== "renewed") {
    refuseLease(exchange, answer, 400);
    return;
  }
  const reply = { header: undefined, ID: asked.ID, TTL: answer.ttlSeconds };
  respondBytes(exchange, etcdserverpb.LeaseKeepAliveResponse.encode(reply).finish());
}

async function serveLeaseTimeToLive({ host }: PeerPages, exchange: Exchange): Promise<void> {
  const body = await readLeaseRequest(exchange);
  if (body === undefined) return;
  const request = decoded(() => leasepb.LeaseInternalRequest.decode(body), exchange);
  if (request === undefined) return;
  const asked = request.LeaseTimeToLiveRequest;
  if (asked === undefined) {
    respondError(exchange.response, 400, "error unmarshalling request");
    return;
  }
  const answer = await host.leaseTimeToLive(asked.ID, asked.keys);
  if (answer.kind !== "found") {
    refuseLease(exchange, answer, 500);
    return;
  }
  const reply = leasepb.LeaseInternalResponse.fromPartial({
    LeaseTimeToLiveResponse: {
      header: {},
      ID: asked.ID,
      TTL: answer.ttlSeconds,
      grantedTTL: answer.grantedTtlSeconds,
      keys: [...answer.keys],
    },
  });
  respondBytes(exchange, leasepb.LeaseInternalResponse.encode(reply).finish());
}

/** The body of a POST, whose refusal names no allowed method, as in etcd. */
async function readLeaseRequest(exchange: Exchange): Promise<Buffer | undefined> {
  if (exchange.request.method === "POST") return readRequest(exchange);
  respondError(exchange.response, 405, "Method Not Allowed");
  return undefined;
}

async function readRequest({ request, response }: Exchange): Promise<Buffer | undefined> {
  try {
    return await readBody(request, peerLimits.requestBodyBytesMax);
  } catch (error) {
    response.setHeader("Connection", "close");
    const isTooLarge = error instanceof PeerError && error.code === "TOO_LARGE";
    if (isTooLarge) respondError(response, 413, "request body too large");
    else respondError(response, 400, "error reading body");
    return undefined;
  }
}

function decoded<Request>(decode: () => Request, { response }: Exchange): Request | undefined {
  try {
    return decode();
  } catch {
    respondError(response, 400, "error unmarshalling request");
    return undefined;
  }
}

function refuseLease({ response }: Exchange, { kind }: LeaseRefusal, notPrimary: 400 | 500): void {
  if (kind === "not-found") respondError(response, 404, "lease not found");
  else if (kind === "not-primary") respondError(response, notPrimary, "not a primary lessor");
  else respondError(response, 408, LEASE_TIMED_OUT);
}

const LEASE_TIMED_OUT = "waiting for node to catch up its applied index has timed out";

function respondBytes({ response }: Exchange, body: Uint8Array): void {
  response.writeHead(200, {
    "Content-Type": "application/protobuf",
    "Content-Length": body.length,
  });
  response.end(body);
}

async function serveDowngrade({ local, host }: PeerPages, exchange: Exchange): Promise<void> {
  const { response } = exchange;
  if (refuseMethod(exchange, "GET")) return;
  response.setHeader("X-Etcd-Cluster-ID", hexId(local.clusterId));
  const answer = await host.downgradeEnabled();
  if (answer.kind === "known") respond(response, "text/plain", String(answer.enabled));
  else respondError(response, 500, `failed linearized read: ${answer.reason}`);
}

function serveVersion({ host }: PeerPages, exchange: Exchange): void {
  if (refuseMethod(exchange, "GET")) return;
  const { cluster, storage } = host.version();
  const body = JSON.stringify({
    etcdserver: etcdVersion,
    etcdcluster: cluster ?? "not_decided",
    storage: storage ?? "unknown",
  });
  respond(exchange.response, "application/json", body);
}
