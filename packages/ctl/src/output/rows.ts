import { hexId } from "@kvorum/base";
import type { MemberListResponse } from "@kvorum/client";
import { humanBytes } from "./go-text.js";
import type { EndpointHash, EndpointHealth, EndpointStatus } from "./results.js";

/** A result as rows, which the simple format joins with commas and the table draws. */
export interface Rows {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export function memberRows({ members }: MemberListResponse): Rows {
  return {
    head: ["ID", "Status", "Name", "Peer Addrs", "Client Addrs", "Is Learner"],
    rows: members.map((member) => [
      hexId(member.ID),
      member.name === "" ? "unstarted" : "started",
      member.name,
      member.peerURLs.join(","),
      member.clientURLs.join(","),
      String(member.isLearner),
    ]),
  };
}

export function healthRows(list: readonly EndpointHealth[]): Rows {
  return {
    head: ["endpoint", "health", "took", "error"],
    rows: list.map((one) => [one.endpoint, String(one.isHealthy), one.took, one.error]),
  };
}

export function statusRows(list: readonly EndpointStatus[]): Rows {
  return {
    head: [
      "endpoint",
      "ID",
      "version",
      "storage version",
      "db size",
      "in use",
      "percentage not in use",
      "quota",
      "is leader",
      "is learner",
      "raft term",
      "raft index",
      "raft applied index",
      "errors",
      "downgrade target version",
      "downgrade enabled",
    ],
    rows: list.map(statusRow),
  };
}

function statusRow({ endpoint, response }: EndpointStatus): string[] {
  const { dbSize, dbSizeInUse } = response;
  const usedPercent = dbSize === 0 ? 100 : Math.trunc((dbSizeInUse * 100) / dbSize);
  return [
    endpoint,
    hexId(response.header.memberId),
    response.version,
    response.storageVersion,
    humanBytes(dbSize),
    humanBytes(dbSizeInUse),
    `${100 - usedPercent}%`,
    humanBytes(response.dbSizeQuota),
    String(response.leader === response.header.memberId),
    String(response.isLearner),
    String(response.raftTerm),
    String(response.raftIndex),
    String(response.raftAppliedIndex),
    response.errors.join(", "),
    response.downgradeInfo?.targetVersion ?? "",
    String(response.downgradeInfo?.enabled ?? false),
  ];
}

export function hashRows(list: readonly EndpointHash[]): Rows {
  return {
    head: ["endpoint", "hash", "hash_revision"],
    rows: list.map(({ endpoint, response }) => [
      endpoint,
      String(response.hash),
      String(response.hashRevision),
    ]),
  };
}
