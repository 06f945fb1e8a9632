import { type ClusterId, hexId, type MainRevision, type MemberId, messageOf } from "@kvorum/base";
import type { Member } from "../membership/member.js";
import type { Logger } from "../observe/logger.js";
import type { HashKvReply, PeerClient } from "../peer/peer-client.js";

/** What another member answered when it was asked for the hash of a revision. */
export interface PeerHash {
  readonly id: MemberId;
  readonly peerUrls: readonly string[];
  /** "failed" also when it didn't answer at all. */
  readonly reply: HashKvReply;
}

/** Asks every other member for its hash of a revision; never throws. */
export type AskPeerHashes = (revision: MainRevision) => Promise<readonly PeerHash[]>;

/** `AskPeerHashes` over /members/hashkv; all members are asked at once, the URLs of each in turn. */
export function askPeerHashes(options: {
  readonly id: MemberId;
  readonly clusterId: ClusterId;
  readonly members: () => readonly Member[];
  readonly peerClient: Pick<PeerClient, "hashKv">;
  /** For each URL. */
  readonly timeoutMs: number;
  readonly logger: Logger;
}): AskPeerHashes {
  const { id, clusterId, members, peerClient, timeoutMs, logger } = options;
  const ask = async (peer: Member, revision: MainRevision): Promise<PeerHash> => {
    let reply: HashKvReply = { kind: "failed", reason: "no peer URL" };
    for (const url of peer.peerUrls) {
      try {
        reply = await peerClient.hashKv({ url, timeoutMs }, { clusterId, revision });
      } catch (error) {
        reply = { kind: "failed", reason: messageOf(error) };
      }
      if (reply.kind === "hash") break;
      logger.warn("failed hash kv request", {
        "local-member-id": hexId(id),
        "requested-revision": revision,
        "remote-peer-endpoint": url,
        error: reply.kind === "failed" ? reply.reason : reply.kind,
      });
    }
    return { id: peer.id, peerUrls: peer.peerUrls, reply };
  };
  return (revision) => {
    const others = members().filter((peer) => peer.id !== id && peer.peerUrls.length > 0);
    return Promise.all(others.map((peer) => ask(peer, revision)));
  };
}
