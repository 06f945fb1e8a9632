import { createHash } from "node:crypto";
import { assert, bigintToBytes, type ClusterId, type MemberId } from "@kvorum/base";

/**
 * The id of a member: the first 8 bytes of SHA-1 over its peer URLs, sorted and joined without a
 * separator, and the cluster's token. Source: etcd's membership.computeMemberID.
 * @param peerUrls texts as configured; their order does not matter
 * @param token --initial-cluster-token for a founding member, empty for one that is added
 * @param addedAtSeconds when a member is added to a running cluster: the Unix time of that
 */
export function memberId(
  peerUrls: readonly string[],
  token: string,
  addedAtSeconds?: number,
): MemberId {
  const time = addedAtSeconds === undefined ? "" : String(Math.floor(addedAtSeconds));
  return firstBytes(Buffer.from([...peerUrls].sort(byBytes).join("") + token + time));
}

/**
 * The id of a cluster: the first 8 bytes of SHA-1 over the ids of its founding members, ascending,
 * 8 big-endian bytes each. Source: etcd's RaftCluster.genID.
 */
export function clusterId(ids: readonly MemberId[]): ClusterId {
  assert(ids.length > 0, "a cluster is founded by at least one member");
  const ascending = [...ids].sort((left, right) => (left < right ? -1 : left > right ? 1 : 0));
  return firstBytes(Buffer.concat(ascending.map(bigintToBytes)));
}

function firstBytes(input: Buffer): bigint {
  return createHash("sha1").update(input).digest().readBigUInt64BE(0);
}

/** Go sorts strings by their UTF-8 bytes, JavaScript by UTF-16 units. */
function byBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}
