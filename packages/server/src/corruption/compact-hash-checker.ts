import { hexId, type MainRevision, type MemberId } from "@kvorum/base";
import type { RevisionHash } from "@kvorum/mvcc";
import type { Logger } from "../observe/logger.js";
import type { AskPeerHashes, PeerHash } from "./peer-hashes.js";

export interface CompactHashCheckerOptions {
  readonly id: MemberId;
  /** Those that are still known, in any order. */
  readonly compactionHashes: () => readonly RevisionHash[];
  readonly askPeers: AskPeerHashes;
  /** 0 means the whole cluster. */
  readonly raiseAlarm: (id: MemberId) => void;
  readonly logger: Logger;
}

/** For the alarm when nobody can tell which members are wrong. */
const WHOLE_CLUSTER: MemberId = 0n;

/**
 * Feature CompactHashCheck: every member compacts at the same revisions and hashes what it had on
 * the way, so the newest compaction that all members have done shows who has different data.
 * Members outside of the majority get the alarm CORRUPT; without a majority the cluster does.
 * Source: etcd's corruptionChecker.CompactHashCheck.
 */
export class CompactHashChecker {
  readonly #options: CompactHashCheckerOptions;
  /** The newest compaction that all members agreed on; what is older needs no look. */
  #agreedRevision: MainRevision = 0;

  constructor(options: CompactHashCheckerOptions) {
    this.#options = options;
  }

  async check(): Promise<void> {
    const { id, compactionHashes, askPeers, logger } = this.#options;
    logger.info("starting compact hash check", { "local-member-id": hexId(id) });
    const unchecked = compactionHashes()
      .filter(({ revision }) => revision > this.#agreedRevision)
      .sort((left, right) => right.revision - left.revision);
    let checked = 0;
    for (const hash of unchecked) {
      checked++;
      const peers = await askPeers(hash.revision);
      if (peers.length > 0 && this.#settles(hash, peers)) break;
    }
    logger.info("finished compaction hash check", { "number-of-hashes-checked": checked });
  }

  /** Whether older compactions need no look: all members agree, or an alarm was raised. */
  #settles(own: RevisionHash, peers: readonly PeerHash[]): boolean {
    const { id, logger } = this.#options;
    const membersByHash = new Map<number, MemberId[]>([[own.hash, [id]]]);
    let answered = 0;
    for (const peer of peers) {
      const reason = whyNotComparable(own, peer);
      if (reason !== undefined || peer.reply.kind !== "hash") {
        logger.warn("Skipped peer's hash", {
          "number-of-peers": peers.length,
          "leader-id": hexId(id),
          "peer-id": hexId(peer.id),
          reason,
        });
        continue;
      }
      answered++;
      const { hash } = peer.reply;
      membersByHash.set(hash, [...(membersByHash.get(hash) ?? []), peer.id]);
    }
    if (membersByHash.size > 1) {
      this.#report(own, membersByHash, peers.length + 1);
      return true;
    }
    const facts = { revision: own.revision, compactRevision: own.compactRevision };
    const counted = { "number-of-peers-checked": answered, ...facts };
    if (answered < peers.length) {
      const message = "skipped revision in compaction hash check; was not able to check all peers";
      logger.warn(message, { ...counted, "number-of-peers": peers.length });
      return false;
    }
    logger.info("successfully checked hash on whole cluster", counted);
    this.#agreedRevision = own.revision;
    return true;
  }

  #report(
    own: RevisionHash,
    membersByHash: ReadonlyMap<number, readonly MemberId[]>,
    members: number,
  ): void {
    const { id, raiseAlarm, logger } = this.#options;
    const quorum = Math.floor(members / 2) + 1;
    const groups = [...membersByHash];
    const hasQuorum = groups.some(([, ids]) => ids.length >= quorum);
    const facts = {
      "leader-id": hexId(id),
      "leader-revision": own.revision,
      "leader-compact-revision": own.compactRevision,
      "leader-hash": own.hash,
    };
    if (!hasQuorum) {
      logger.error(
        "Detected compaction hash mismatch but cannot identify the corrupted members, " +
          "so intentionally set the memberID as 0",
        facts,
      );
      raiseAlarm(WHOLE_CLUSTER);
    }
    for (const [hash, ids] of groups) {
      if (ids.length >= quorum) continue;
      if (hasQuorum) ids.forEach(raiseAlarm);
      logger.error("Detected compaction hash mismatch", {
        ...facts,
        "peer-hash": hash,
        "peer-ids": ids.map(hexId).join(","),
        "quorum-exist": hasQuorum,
      });
    }
  }
}

function whyNotComparable(own: RevisionHash, { reply }: PeerHash): string | undefined {
  if (reply.kind !== "hash") return "no response";
  if (reply.compactRevision === own.compactRevision) return undefined;
  return (
    `the peer's CompactRevision ${reply.compactRevision} doesn't match ` +
    `leader's CompactRevision ${own.compactRevision}`
  );
}
