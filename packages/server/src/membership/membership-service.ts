import { apiError } from "@kvorum/api";
import { type Clock, hexId, type MemberId, utf8 } from "@kvorum/base";
import { ConfChangeType, type RawNode } from "@kvorum/raft";
import { parseListenUrls } from "../config/listen-url.js";
import type { Logger } from "../observe/logger.js";
import type { Cluster } from "./cluster.js";
import type { ConfChanges } from "./conf-changes.js";
import { memberId } from "./ids.js";
import { type Member, memberToJson } from "./member.js";
import { type ClusterHealth, checkAdd, checkPromote, checkRemove } from "./reconfiguration.js";

/** A learner may vote once it has this share of the leader's log. Source: etcd readyPercentThreshold. */
const LEARNER_READY_SHARE = 0.9;

export interface MembershipOptions {
  readonly cluster: Cluster;
  readonly changes: ConfChanges;
  readonly node: RawNode;
  readonly clock: Clock;
  readonly logger: Logger;
  /** --strict-reconfig-check */
  readonly isStrict: boolean;
  readonly health: () => ClusterHealth;
  /** Asks the leader to promote; for a member that isn't the leader. @throws ApiError */
  readonly promoteAtLeader: (id: MemberId) => Promise<void>;
}

/** The changes of membership that clients ask for: checked here, decided by the log. */
export class Membership {
  readonly #options: MembershipOptions;

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  /** Resolves to the new member, which has neither name nor client URLs until it starts. */
  async add(request: {
    readonly peerUrls: readonly string[];
    readonly isLearner: boolean;
  }): Promise<Member> {
    const { clock, changes, isStrict, health, logger } = this.#options;
    const parsed = parseListenUrls(request.peerUrls);
    if (parsed.kind === "error" || parsed.value.length === 0) throw apiError("badMemberUrls");
    const peerUrls = parsed.value.map((url) => url.href);
    const { isLearner } = request;
    const refusal = isStrict ? checkAdd(health(), { isLearner }) : undefined;
    if (refusal !== undefined) {
      logger.warn("rejecting member add request", { "peer-urls": peerUrls, reason: refusal });
      throw apiError(refusal);
    }
    const id = memberId(peerUrls, "", Math.floor(clock.wallMs() / 1000));
    const member: Member = { id, peerUrls, isLearner, name: "", clientUrls: [] };
    await changes.propose({
      type: isLearner ? ConfChangeType.AddLearnerNode : ConfChangeType.AddNode,
      nodeId: id,
      context: utf8(memberToJson(member)),
    });
    return member;
  }

  async remove(id: MemberId): Promise<void> {
    const { changes, isStrict, health, logger } = this.#options;
    const refusal = isStrict ? checkRemove(health(), id) : undefined;
    if (refusal !== undefined) {
      logger.warn("rejecting member remove request", { "member-id": hexId(id), reason: refusal });
      throw apiError(refusal);
    }
    const type = ConfChangeType.RemoveNode;
    await changes.propose({ type, nodeId: id, context: new Uint8Array(0) });
  }

  /** Replaces a member's peer URLs, which are not parsed, as in etcd. */
  async update(id: MemberId, peerUrls: readonly string[]): Promise<void> {
    const member: Member = { id, peerUrls, isLearner: false, name: "", clientUrls: [] };
    const context = utf8(memberToJson(member));
    await this.#options.changes.propose({ type: ConfChangeType.UpdateNode, nodeId: id, context });
  }

  /** Makes a learner a voter; only the leader knows whether it has caught up. */
  async promote(id: MemberId): Promise<void> {
    const { node, promoteAtLeader } = this.#options;
    if (node.isLeader) await this.promoteHere(id);
    else if (node.leader === 0n) throw apiError("noLeader");
    else await promoteAtLeader(id);
  }

  /** @throws ApiError also when this member doesn't lead */
  async promoteHere(id: MemberId): Promise<void> {
    const { node, isStrict, health, changes } = this.#options;
    if (!node.isLeader) throw apiError("notLeader");
    const { progress } = node.status();
    const leaderMatch = progress.get(node.id)?.match ?? 0;
    const learner = progress.get(id);
    if (learner !== undefined && learner.match < leaderMatch * LEARNER_READY_SHARE) {
      throw apiError("learnerNotReady");
    }
    const refusal = isStrict ? checkPromote(health()) : undefined;
    if (refusal !== undefined) throw apiError(refusal);
    const context = utf8(`{"id":${id},"peerURLs":null,"isPromote":true}`);
    await changes.propose({ type: ConfChangeType.AddNode, nodeId: id, context });
  }

  members(): Member[] {
    return this.#options.cluster.members();
  }
}
