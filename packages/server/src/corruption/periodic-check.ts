import { hexId, type MainRevision, type MemberId } from "@kvorum/base";
import type { Hashes } from "@kvorum/mvcc";
import type { Logger } from "../observe/logger.js";
import type { AskPeerHashes, PeerHash } from "./peer-hashes.js";

export interface PeriodicCheckOptions {
  readonly id: MemberId;
  readonly hashKv: (revision: MainRevision) => Promise<Hashes>;
  readonly askPeers: AskPeerHashes;
  /** Resolves when this member has applied all that was committed before. @throws ApiError */
  readonly catchUp: () => Promise<void>;
  readonly raiseAlarm: (id: MemberId) => void;
  readonly logger: Logger;
}

/**
 * --corrupt-check-time: the leader compares its data with that of each follower, and raises the
 * alarm CORRUPT for the first that can't be right. Its own hash is made twice, around a read of the
 * log, so that a follower is never held against a leader that was behind.
 * Source: etcd's corruptionChecker.PeriodicCheck.
 * @throws ApiError | BackendError when this member could not make its own hashes
 */
export async function checkPeriodically(options: PeriodicCheckOptions): Promise<void> {
  const { id, hashKv, askPeers, catchUp, raiseAlarm, logger } = options;
  const before = await hashKv(0);
  const peers = await askPeers(before.hashRevision);
  await catchUp();
  const after = await hashKv(0);
  let isAlarmed = false;
  const mismatch = (member: MemberId) => {
    if (!isAlarmed) raiseAlarm(member);
    isAlarmed = true;
  };
  if (differs(before, after)) {
    logger.warn("found hash mismatch", {
      "revision-1": before.hashRevision,
      "hash-1": before.hash,
      "revision-2": after.hashRevision,
      "hash-2": after.hash,
      "compact-revision-1": before.compactRevision,
      "compact-revision-2": after.compactRevision,
    });
    mismatch(id);
  }
  let checked = 0;
  for (const peer of peers) {
    if (peer.reply.kind !== "hash") continue;
    checked++;
    for (const { message, fields } of problemsOf(before, after, peer.reply)) {
      logger.warn(message, { ...fields, "follower-peer-id": hexId(peer.id) });
      mismatch(peer.id);
    }
  }
  logger.info("finished peer corruption check", { "number-of-peers-checked": checked });
}

function differs(before: Hashes, after: Hashes): boolean {
  return (
    after.hash !== before.hash &&
    after.hashRevision === before.hashRevision &&
    after.compactRevision === before.compactRevision
  );
}

interface Problem {
  readonly message: string;
  readonly fields: Readonly<Record<string, number>>;
}

function problemsOf(
  before: Hashes,
  after: Hashes,
  follower: Extract<PeerHash["reply"], { readonly kind: "hash" }>,
): Problem[] {
  const problems: Problem[] = [];
  if (follower.currentRevision > after.currentRevision) {
    const fields = {
      "leader-revision": after.currentRevision,
      "follower-revision": follower.currentRevision,
    };
    const message = "revision from follower must be less than or equal to leader's";
    problems.push({ message, fields });
  }
  const compacted = {
    "leader-compact-revision": after.compactRevision,
    "follower-compact-revision": follower.compactRevision,
  };
  if (follower.compactRevision > after.compactRevision) {
    const message = "compact revision from follower must be less than or equal to leader's";
    problems.push({ message, fields: compacted });
  }
  if (follower.compactRevision === before.compactRevision && follower.hash !== before.hash) {
    const fields = { ...compacted, "leader-hash": before.hash, "follower-hash": follower.hash };
    problems.push({ message: "same compact revision then hashes must match", fields });
  }
  return problems;
}
