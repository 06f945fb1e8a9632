import { ApiError, type ApiErrorName, apiError, apiErrorText } from "@kvorum/api";
import { type Clock, hexId, type MemberId, messageOf, utf8 } from "@kvorum/base";
import { ConfChangeType, type RawNode } from "@kvorum/raft";
import { parseListenUrls } from "../config/listen-url.js";
import type { Logger } from "../observe/logger.js";
import type { Cluster } from "./cluster.js";
import type { Caller, ConfChanges } from "./conf-changes.js";
import { memberId } from "./ids.js";
import { type Member, memberToJson } from "./member.js";
import { type ClusterHealth, checkAdd, checkPromote, checkRemove } from "./reconfiguration.js";

/** A learner may vote once it has this share of the leader's log. Source: etcd readyPercentThreshold. */
const LEARNER_READY_SHARE = 0.9;

/** Pause before the leader is looked for and asked again. */
const ASK_AGAIN_MS = 50;

export interface MembershipOptions {
  readonly cluster: Cluster;
  readonly changes: ConfChanges;
  readonly node: RawNode;
  readonly clock: Clock;
  readonly logger: Logger;
  /** --strict-reconfig-check */
  readonly isStrict: boolean;
  readonly health: () => ClusterHealth;
  /** 5 s + 2 election time-outs */
  readonly requestTimeoutMs: number;
  /** This member leads and could not promote a learner; for the metrics. */
  readonly onPromotionFailed?: (reason: string) => void;
  /**
   * Asks the leader to promote; for a member that isn't the leader. Undefined: it could not.
   * @throws ApiError why it refuses
   */
  readonly promoteAtLeader: (
    id: MemberId,
    token: string | undefined,
  ) => Promise<readonly Member[] | undefined>;
}

/** The changes of membership that clients ask for: checked here, decided by the log. */
export class Membership {
  readonly #options: MembershipOptions;
  /** Learners that were promoted while this member led, for the metrics. */
  promotions = 0;

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  /** Resolves to the new member, which has neither name nor client URLs until it starts. */
  async add(
    request: { readonly peerUrls: readonly string[]; readonly isLearner: boolean },
    caller: Caller,
  ): Promise<Member> {
    const { clock, changes, health } = this.#options;
    const parsed = parseListenUrls(request.peerUrls);
    if (parsed.kind === "error" || parsed.value.length === 0) throw apiError("badMemberUrls");
    const peerUrls = parsed.value.map((url) => url.href);
    const { isLearner } = request;
    const check = this.#strictly("add", { "peer-urls": peerUrls }, () =>
      checkAdd(health(), { isLearner }),
    );
    const id = memberId(peerUrls, "", Math.floor(clock.wallMs() / 1000));
    const member: Member = { id, peerUrls, isLearner, name: "", clientUrls: [] };
    const type = isLearner ? ConfChangeType.AddLearnerNode : ConfChangeType.AddNode;
    const context = utf8(memberToJson(member));
    await changes.propose({ type, nodeId: id, context }, { check, caller });
    return member;
  }

  /** This and all others resolve to the members after the change. */
  async remove(id: MemberId, caller: Caller): Promise<readonly Member[]> {
    const { changes, health } = this.#options;
    const check = this.#strictly("remove", { "member-id": hexId(id) }, () =>
      checkRemove(health(), id),
    );
    const change = { type: ConfChangeType.RemoveNode, nodeId: id, context: new Uint8Array(0) };
    await changes.propose(change, { check, caller });
    return this.members();
  }

  /** Replaces a member's peer URLs, which are not parsed, as in etcd. */
  async update(
    id: MemberId,
    peerUrls: readonly string[],
    caller: Caller,
  ): Promise<readonly Member[]> {
    const member: Member = { id, peerUrls, isLearner: false, name: "", clientUrls: [] };
    const context = utf8(memberToJson(member));
    const change = { type: ConfChangeType.UpdateNode, nodeId: id, context };
    await this.#options.changes.propose(change, { check: () => undefined, caller });
    return this.members();
  }

  /**
   * Makes a learner a voter; only the leader knows whether it has caught up, so it is waited for and
   * asked until the request's time is over. Source: etcd PromoteMember.
   */
  async promote(id: MemberId, caller: Caller): Promise<readonly Member[]> {
    const { node, clock, promoteAtLeader, requestTimeoutMs } = this.#options;
    const deadlineMs = clock.nowMs() + requestTimeoutMs;
    const { metadata } = caller;
    const token = metadata?.get("token") ?? metadata?.get("authorization");
    while (!caller.cancelled) {
      try {
        if (node.isLeader) return await this.promoteHere(id, caller);
      } catch (error) {
        if (!isNotLeader(error)) throw error;
      }
      const isLed = !node.isLeader && node.leader !== 0n;
      const members = isLed ? await promoteAtLeader(id, token) : undefined;
      if (members !== undefined) return members;
      if (clock.nowMs() >= deadlineMs) throw apiError(node.leader === 0n ? "noLeader" : "timeout");
      await new Promise<void>((resolve) => {
        clock.after(ASK_AGAIN_MS, resolve);
      });
    }
    throw apiError("timeout");
  }

  /** @throws ApiError also when this member doesn't lead */
  async promoteHere(id: MemberId, caller: Caller): Promise<readonly Member[]> {
    const { health, changes } = this.#options;
    const isRefused = this.#strictly("promote", { "member-id": hexId(id) }, () =>
      checkPromote(health()),
    );
    const check = () => this.#checkReady(id) ?? isRefused();
    const context = utf8(`{"id":${id},"peerURLs":null,"isPromote":true}`);
    const change = { type: ConfChangeType.AddNode, nodeId: id, context };
    try {
      await changes.propose(change, { check, caller });
    } catch (error) {
      if (!isNotLeader(error)) this.#options.onPromotionFailed?.(messageOf(error));
      throw error;
    }
    this.promotions++;
    return this.members();
  }

  members(): Member[] {
    return this.#options.cluster.members();
  }

  /** Whether this member leads and the learner has caught up; who is no learner is refused later. */
  #checkReady(id: MemberId): ApiErrorName | undefined {
    const { node } = this.#options;
    if (!node.isLeader) return "notLeader";
    const { progress } = node.status();
    const leaderMatch = progress.get(node.id)?.match ?? 0;
    const learner = progress.get(id);
    if (learner === undefined || learner.match >= leaderMatch * LEARNER_READY_SHARE) return;
    return "learnerNotReady";
  }

  /** A check that --strict-reconfig-check asks for, with a line in the log when it refuses. */
  #strictly(
    what: "add" | "remove" | "promote",
    fields: Readonly<Record<string, unknown>>,
    check: () => ApiErrorName | undefined,
  ): () => ApiErrorName | undefined {
    const { isStrict, logger } = this.#options;
    return () => {
      const reason = isStrict ? check() : undefined;
      if (reason !== undefined) {
        logger.warn(`rejecting member ${what} request`, { ...fields, reason });
      }
      return reason;
    };
  }
}

function isNotLeader(error: unknown): boolean {
  return error instanceof ApiError && error.message === apiErrorText("notLeader");
}
