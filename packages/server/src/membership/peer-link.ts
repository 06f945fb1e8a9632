import type { RequestListener } from "node:http";
import { apiError } from "@kvorum/api";
import { hexId, type LeaseId, type MemberId, rethrowInvariant } from "@kvorum/base";
import { type Message, MessageType } from "@kvorum/raft";
import { type InstallPlace, saveReceivedDatabase } from "../boot/install-snapshot.js";
import type { OpenedStore } from "../boot/open-store.js";
import type { Consensus } from "../consensus/consensus.js";
import { completeSnapshot } from "../consensus/snapshot-sender.js";
import type { MemberOptions } from "../member-options.js";
import type { Target } from "../peer/peer-client.js";
import { PeerTransport } from "../peer/peer-transport.js";
import { endWith } from "../storage/snapshot/end-with.js";
import { saveDatabase } from "../storage/snapshot/save-snapshot.js";
import type { Cluster } from "./cluster.js";
import type { Member } from "./member.js";
import { PeerAnswers, type PeerAnswersOptions } from "./peer-answers.js";
import type { Peers, RemoteLeaseStatus } from "./peers.js";

export interface PeerLinkOptions extends Omit<PeerAnswersOptions, "consensus" | "clock"> {
  readonly member: MemberOptions;
  readonly id: MemberId;
  readonly cluster: Cluster;
  readonly opened: OpenedStore;
  readonly place: InstallPlace;
  /** Wired after this: it sends through here. */
  readonly consensus: () => Consensus;
  /** The others say that this member was removed for good. */
  readonly onRemoved: () => void;
}

/**
 * After a snapshot has arrived its receiver still needs the log behind it: compacting that away at
 * once would make it need the next snapshot. Source: etcd releaseDelayAfterSnapshot.
 */
const LOG_HOLD_MS = 30_000;

/** Spool files are numbered up to this, then from the start again. */
const SNAPSHOTS_SPOOLED_MAX = 1_000_000;

/** The other members over etcd's peer protocol: raft's messages, snapshots and questions. */
export class PeerLink implements Peers {
  /** For the peer port. */
  readonly handle: RequestListener;
  readonly #options: PeerLinkOptions;
  readonly #transport: PeerTransport;
  #snapshotsSent = 0;
  #snapshotsReceived = 0;
  #snapshotsInFlight = 0;
  #logHeldUntilMs = 0;

  constructor(options: PeerLinkOptions) {
    this.#options = options;
    const { member, id, cluster, consensus, onRemoved } = options;
    const answers = () =>
      new PeerAnswers({ ...options, clock: member.clock, consensus: consensus() });
    this.#transport = new PeerTransport({
      memberId: id,
      clusterId: cluster.id,
      ownPeerUrls: member.advertisePeerUrls,
      electionTimeoutMs: member.electionTimeoutMs,
      clock: member.clock,
      logger: member.logger,
      metrics: member.metrics,
      timeouts: member.peerTimeouts,
      ...(member.dialTls === undefined ? {} : { dialTls: member.dialTls }),
      host: {
        step: (message) => {
          consensus().node.step(message);
          consensus().wake();
        },
        isRemoved: (other) => cluster.isRemoved(other),
        reportUnreachable: (other) => consensus().node.reportUnreachable(other),
        reportSnapshot: (other, arrived) => this.#reportSnapshot(other, arrived),
        receiveSnapshot: (message, db) => this.#receiveSnapshot(message, db),
        onRemoved,
        members: () => answers().members(),
        promote: (other, token) => answers().promote(other, token),
        hashKv: (revision) => answers().hashKv(revision),
        leaseKeepAlive: (lease) => answers().leaseKeepAlive(lease),
        leaseTimeToLive: (lease, withKeys) => answers().leaseTimeToLive(lease, withKeys),
        downgradeEnabled: () => answers().downgradeEnabled(),
        version: () => answers().version(),
      },
    });
    this.handle = this.#transport.handle;
  }

  send(messages: readonly Message[]): void {
    if (messages.some(isSnapshot)) {
      for (const message of messages) if (isSnapshot(message)) this.#sendSnapshot(message);
      this.#transport.send(messages.filter((message) => !isSnapshot(message)));
    } else {
      this.#transport.send(messages);
    }
  }

  needsLog(): boolean {
    return this.#snapshotsInFlight > 0 || this.#options.member.clock.nowMs() < this.#logHeldUntilMs;
  }

  connectedSinceMs(id: MemberId): number | undefined {
    return this.#transport.connectedSinceMs(id);
  }

  membersChanged(members: readonly Member[]): void {
    const others = members.filter(({ id }) => id !== this.#options.id);
    const known = new Set(this.#transport.stat().peers.map(({ id }) => id));
    for (const { id, peerUrls } of others) {
      if (known.delete(id)) this.#transport.updatePeer(id, peerUrls);
      else this.#transport.addPeer(id, peerUrls);
    }
    for (const id of known) this.#transport.removePeer(id);
  }

  /** Members of a cluster that is being joined: they may be answered before they are known. */
  addRemotes(members: readonly Member[]): void {
    for (const { id, peerUrls } of members) this.#transport.addRemote(id, peerUrls);
  }

  async serverVersionOf(member: Member): Promise<string | undefined> {
    const { peerClient } = this.#options.member;
    const versions = await this.#ask(member.id, (target) => peerClient.getVersion(target));
    return versions?.server;
  }

  async promoteAtLeader(
    id: MemberId,
    token: string | undefined,
  ): Promise<readonly Member[] | undefined> {
    const { peerClient } = this.#options.member;
    const leader = this.#options.consensus().node.leader;
    const answer = await this.#ask(leader, (target) => peerClient.postPromote(target, id, token));
    switch (answer?.kind) {
      case "promoted":
        return answer.members;
      case "unknown-member":
        throw apiError("memberNotFound");
      case "not-a-learner":
        throw apiError("memberNotLearner");
      case "learner-not-ready":
        throw apiError("learnerNotReady");
      default:
        return undefined;
    }
  }

  async renewLease(leader: MemberId, id: LeaseId): Promise<number | "not-found" | undefined> {
    const { peerClient } = this.#options.member;
    const answer = await this.#ask(leader, (target) => peerClient.leaseKeepAlive(target, id));
    if (answer?.kind === "renewed") return answer.ttlSeconds;
    return answer?.kind === "not-found" ? "not-found" : undefined;
  }

  async leaseTimeToLive(
    leader: MemberId,
    id: LeaseId,
    withKeys: boolean,
  ): Promise<RemoteLeaseStatus | "not-found" | undefined> {
    const { peerClient } = this.#options.member;
    const answer = await this.#ask(leader, (target) =>
      peerClient.leaseTimeToLive(target, { id, withKeys }),
    );
    if (answer?.kind === "found") return answer;
    return answer?.kind === "not-found" ? "not-found" : undefined;
  }

  stop(): Promise<void> {
    return this.#transport.stop();
  }

  /** Asks a member at each of its URLs; undefined when none answers. */
  async #ask<Answer>(
    id: MemberId,
    question: (target: Target) => Promise<Answer>,
  ): Promise<Answer | undefined> {
    const timeoutMs = this.#options.consensus().requestTimeoutMs;
    for (const url of this.#options.cluster.member(id)?.peerUrls ?? []) {
      try {
        return await question({ url, timeoutMs });
      } catch (error) {
        this.#options.member.logger.debug("a member did not answer", {
          "member-id": hexId(id),
          url,
          error: String(error),
        });
      }
    }
    return undefined;
  }

  async #receiveSnapshot(message: Message, db: AsyncIterable<Buffer>): Promise<void> {
    const { place, member } = this.#options;
    const { snapshotDbSave, snapshotDbSync } = member.metrics.histograms;
    const secondsSince = (ms: number) => (member.clock.nowMs() - ms) / 1000;
    const startMs = member.clock.nowMs();
    this.#snapshotsReceived = (this.#snapshotsReceived + 1) % SNAPSHOTS_SPOOLED_MAX;
    const index = message.snapshot?.metadata.index ?? 0;
    const received = { index, arrival: this.#snapshotsReceived };
    await saveReceivedDatabase(place, received, db, async (file) => {
      const syncStartMs = member.clock.nowMs();
      await file.sync();
      snapshotDbSync.observe(secondsSince(syncStartMs));
    });
    snapshotDbSave.observe(secondsSince(startMs));
  }

  /** Completes a MsgSnap with the store as it is now and streams both. */
  #sendSnapshot(message: Message): void {
    this.#snapshotsInFlight++;
    this.#prepareSnapshot(message).catch((error: unknown) => {
      rethrowInvariant(error);
      this.#options.member.logger.warn("failed to send database snapshot", {
        to: hexId(message.to),
        error: String(error),
      });
      this.#reportSnapshot(message.to, false);
    });
  }

  #reportSnapshot(to: MemberId, arrived: boolean): void {
    const { consensus, member } = this.#options;
    this.#snapshotsInFlight--;
    if (arrived) this.#logHeldUntilMs = member.clock.nowMs() + LOG_HOLD_MS;
    consensus().node.reportSnapshot(to, arrived);
    consensus().wake();
  }

  async #prepareSnapshot(message: Message): Promise<void> {
    const { opened, place, member } = this.#options;
    const startMs = member.clock.nowMs();
    // Entries that wrote nothing moved the position on, and only a commit stores it: a view of what is
    // buffered would make none and stand for less than the core asked for. What comes meanwhile is
    // left to the log: an etcd that joins waits for the entry with its name, and never serves when it
    // finds that in a snapshot above index 5,000 and no other entry behind.
    await opened.buffered.flush();
    const view = await opened.backend.view();
    this.#snapshotsSent = (this.#snapshotsSent + 1) % SNAPSHOTS_SPOOLED_MAX;
    const spool = {
      fs: place.fs,
      path: `${place.dataDir.snapDirectory}/tmp-send-${this.#snapshotsSent}`,
    };
    const complete = await completeSnapshot(message, view).catch(async (error: unknown) => {
      await view.close();
      throw error;
    });
    const saved = await saveDatabase(view, spool);
    const { backendSnapshot } = member.metrics.histograms;
    const chunks = endWith(saved.chunks, async () => {
      backendSnapshot.observe((member.clock.nowMs() - startMs) / 1000);
    });
    const { totalBytes } = saved;
    const close = () => void chunks.return(undefined);
    this.#transport.sendSnapshot(complete.message, { totalBytes, chunks, close });
  }
}

function isSnapshot(message: Message): boolean {
  return message.type === MessageType.Snap;
}
