import type { IncomingHttpHeaders } from "node:http";
import { type ClusterId, hexId, type MemberId } from "@kvorum/base";
import { etcdVersion } from "../config/version.js";

/** Oldest cluster version this member can work in. Source: etcd version.MinClusterVersion */
const minClusterVersion = "3.0.0";

/** Who is asking or answering, as every request between members says it. */
export interface LocalIdentity {
  readonly memberId: MemberId;
  readonly clusterId: ClusterId;
  /** Own advertised peer URLs. */
  readonly ownPeerUrls: readonly string[];
}

/** Headers of every request to a peer. @param to only for streams */
export function requestHeaders(local: LocalIdentity, to?: MemberId): Record<string, string> {
  const headers: Record<string, string> = {
    "X-Server-From": hexId(local.memberId),
    "X-Server-Version": etcdVersion,
    "X-Min-Cluster-Version": minClusterVersion,
    "X-Etcd-Cluster-ID": hexId(local.clusterId),
  };
  if (local.ownPeerUrls.length > 0) headers["X-PeerURLs"] = local.ownPeerUrls.join(",");
  if (to !== undefined) headers["X-Raft-To"] = hexId(to);
  return headers;
}

/** A header's value; "" when there is none. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? "";
}

/** Go's strconv.ParseUint(text, 16, 64). */
export function parseHexId(text: string): bigint | undefined {
  if (!/^[0-9a-fA-F]+$/.test(text)) return undefined;
  const id = BigInt(`0x${text}`);
  return id < 1n << 64n ? id : undefined;
}

export interface ClusterRefusal {
  /** The body of the 412. */
  readonly answer: "incompatible version" | "cluster ID mismatch";
  /** For the log. */
  readonly message: string;
  readonly reason: string | undefined;
}

/**
 * The checks that every raft request has to pass: the versions of both ends must get on with each
 * other, then the cluster must be the same one. A version that can't be read counts as incompatible.
 */
export function findClusterRefusal(
  headers: IncomingHttpHeaders,
  local: LocalIdentity,
): ClusterRefusal | undefined {
  const reason = findIncompatibility(headers);
  if (reason !== undefined) {
    const message = "failed version compatibility check";
    return { answer: "incompatible version", message, reason };
  }
  if (headerOf(headers, "x-etcd-cluster-id") === hexId(local.clusterId)) return undefined;
  const message = "request cluster ID mismatch";
  return { answer: "cluster ID mismatch", message, reason: undefined };
}

function findIncompatibility(headers: IncomingHttpHeaders): string | undefined {
  const from = headerOf(headers, "x-server-from");
  const text = headerOf(headers, "x-server-version") || UNNAMED_VERSION;
  const remote = parseVersion(text);
  const required = parseVersion(headerOf(headers, "x-min-cluster-version") || UNNAMED_VERSION);
  if (remote === undefined || required === undefined) return `malformed version of ${from}`;
  const ends = `remote[${from}]=${text}, local=${etcdVersion}`;
  if (isOlder(remote, parseVersion(minClusterVersion)!)) {
    return `remote version is too low: ${ends}`;
  }
  return isOlder(parseVersion(etcdVersion)!, required)
    ? `local version is too low: ${ends}`
    : undefined;
}

/**
 * Whether the streams of a peer that announces `text` can be read: any newer version, or one of
 * those known to have them. @param text "" counts as 2.0.0
 */
export function hasKnownStreams(text: string): boolean {
  const remote = parseVersion(text || UNNAMED_VERSION);
  if (remote === undefined) return false;
  if (!isOlder(remote, parseVersion(etcdVersion)!)) return true;
  return remote.major === 2 ? remote.minor >= 1 && remote.minor <= 3 : remote.major === 3;
}

/** What a request without the header counts as. */
const UNNAMED_VERSION = "2.0.0";

interface Version {
  readonly major: number;
  readonly minor: number;
}

function parseVersion(text: string): Version | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)(?:-[^+]*)?(?:\+.*)?$/.exec(text);
  return match ? { major: Number(match[1]), minor: Number(match[2]) } : undefined;
}

/** Patch releases make no difference. */
function isOlder(left: Version, right: Version): boolean {
  return left.major === right.major ? left.minor < right.minor : left.major < right.major;
}
