import { hexId, type MainRevision, type MemberId } from "@kvorum/base";
import type { Hashes } from "@kvorum/mvcc";
import { formatGoDuration } from "../config/go-text.js";
import type { Logger } from "../observe/logger.js";
import type { AskPeerHashes, PeerHash } from "./peer-hashes.js";

export interface InitialCheckOptions {
  readonly id: MemberId;
  readonly hashKv: (revision: MainRevision) => Promise<Hashes>;
  readonly askPeers: AskPeerHashes;
  /** Only for the log. */
  readonly timeoutMs: number;
  readonly logger: Logger;
}

/**
 * Compares this member's data with that of the others before it serves anybody: the hash of its
 * revision, where the others have compacted up to the same one. Who doesn't answer is passed over.
 * Source: etcd's corruptionChecker.InitialCheck.
 * @throws Error when another member has different data
 */
export async function checkInitially(options: InitialCheckOptions): Promise<void> {
  const { id, hashKv, askPeers, timeoutMs, logger } = options;
  const member = { "local-member-id": hexId(id) };
  logger.info("starting initial corruption check", {
    ...member,
    timeout: formatGoDuration(timeoutMs * 1e6),
  });
  const local = await hashKv(0);
  const facts = {
    ...member,
    "local-member-revision": local.hashRevision,
    "local-member-compact-revision": local.compactRevision,
    "local-member-hash": local.hash,
  };
  let isDifferent = false;
  for (const peer of await askPeers(local.hashRevision)) {
    const problem = compare(local, peer);
    if (problem === undefined) continue;
    if (problem === DIFFERENT_HASH) isDifferent = true;
    logger.warn(problem, { ...facts, ...factsOf(peer) });
  }
  if (isDifferent) throw new Error(`${hexId(id)} found data inconsistency with peers`);
  logger.info("initial corruption checking passed; no corruption", member);
}

const DIFFERENT_HASH = "found different hash values from remote peer";

function compare(local: Hashes, { reply }: PeerHash): string | undefined {
  switch (reply.kind) {
    case "hash":
      if (reply.hash === local.hash) return undefined;
      // Hashes of different compactions can't be compared.
      return reply.compactRevision === local.compactRevision
        ? DIFFERENT_HASH
        : "found different compact revision values from remote peer";
    case "future-revision":
      return "cannot fetch hash from slow remote peer";
    case "compacted":
      return "cannot fetch hash from remote peer; local member is behind";
    case "cluster-mismatch":
      return "cluster ID mismatch";
    case "failed":
      return undefined;
  }
}

function factsOf({ id, peerUrls, reply }: PeerHash): Readonly<Record<string, unknown>> {
  const peer = { "remote-peer-id": hexId(id), "remote-peer-endpoints": peerUrls };
  if (reply.kind !== "hash") return peer;
  return {
    ...peer,
    "remote-peer-revision": reply.currentRevision,
    "remote-peer-compact-revision": reply.compactRevision,
    "remote-peer-hash": reply.hash,
  };
}
