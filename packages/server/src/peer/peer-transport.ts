import type { RequestListener } from "node:http";
import { type Clock, type ClusterId, hexId, type MemberId, type Timer } from "@kvorum/base";
import type { Message } from "@kvorum/raft";
import type { Logger } from "../observe/logger.js";
import type { DialTls } from "../tls/dial-tls.js";
import { Dialer } from "./dialer.js";
import { EntriesEncoder } from "./entries-encoder.js";
import { peerLimits } from "./limits.js";
import { Peer, type PeerContext } from "./peer.js";
import { createPeerHandler } from "./peer-handler.js";
import type { LocalIdentity } from "./peer-headers.js";
import type { PeerHost } from "./peer-host.js";
import { cellsOf, createUnreadMetrics, type PeerMetrics } from "./peer-metrics.js";
import { isLocal } from "./raft-message.js";
import type { SnapshotDb } from "./snapshot-sender.js";
import { defaultStreamTimeouts, linkHeartbeatMs, type StreamTimeouts } from "./stream-timeouts.js";

export interface PeerTransportOptions {
  readonly memberId: MemberId;
  readonly clusterId: ClusterId;
  /** Advertised to the others, so that they can call back before they know this member. */
  readonly ownPeerUrls: readonly string[];
  readonly electionTimeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Undefined: nothing is counted. */
  readonly metrics?: PeerMetrics;
  /** For peers with https URLs. */
  readonly dialTls?: DialTls;
  /** Undefined: etcd's defaults. */
  readonly timeouts?: StreamTimeouts | undefined;
  readonly host: PeerHost;
}

export interface PeerStat {
  readonly id: MemberId;
  /** On the clock's `nowMs` scale; undefined while out of touch. */
  readonly activeSinceMs: number | undefined;
  readonly hasAllStreams: boolean;
  /** Written to streams, and not yet taken by their sockets. */
  readonly bytesPending: number;
}

export interface PeerTransportStat {
  readonly peers: readonly PeerStat[];
  readonly remotes: readonly MemberId[];
  readonly snapshotsSending: number;
}

/**
 * The traffic between this member and the others, in etcd's protocol. Each member dials each other
 * one for two streams, appends and everything else, on which the other one sends:
 *
 *   A --GET /raft/stream/msgapp/A---> B      B then writes appends to A, in codec "msgappv2"
 *   A --GET /raft/stream/message/A--> B      B writes everything else to A
 *   B --the same two----------------> A
 *   A --POST /raft------------------> B      one message, while A has no stream to write on
 *   A --POST /raft/snapshot---------> B      a snapshot with its db file
 *
 * The source is etcd's rafthttp.
 */
export class PeerTransport {
  /** For the peer port's HTTP/1.1 server. */
  readonly handle: RequestListener;
  readonly #options: PeerTransportOptions;
  readonly #metrics: PeerMetrics;
  readonly #context: PeerContext;
  readonly #peers = new Map<MemberId, Peer>();
  readonly #remotes = new Map<MemberId, Peer>();
  /** Peers with messages that have not been flushed. */
  readonly #touched: Peer[] = [];
  readonly #timers: readonly Timer[];
  readonly #snapshots = new Set<Promise<void>>();
  #isStopped = false;

  constructor(options: PeerTransportOptions) {
    const { memberId, clusterId, ownPeerUrls, clock, logger, host, electionTimeoutMs } = options;
    const { timeouts = defaultStreamTimeouts } = options;
    const local: LocalIdentity = { memberId, clusterId, ownPeerUrls };
    const dialTimeoutMs = peerLimits.dialTimeoutBaseMs + electionTimeoutMs;
    const dialer = new Dialer({ tls: options.dialTls, clock, dialTimeoutMs });
    const entries = new EntriesEncoder();
    this.#options = options;
    this.#metrics = options.metrics ?? createUnreadMetrics();
    // etcd counts a member among the peers it knows.
    this.#metrics.labelled.knownPeers.cell(hexId(memberId), hexId(memberId)).value = 1;
    const deliver = (message: Message) => this.#deliver(message);
    this.#context = { local, dialer, clock, logger, host, entries, timeouts, deliver };
    this.handle = createPeerHandler({
      local,
      clock,
      logger,
      host,
      metrics: this.#metrics,
      isStopped: () => this.#isStopped,
      snapshots: { receiving: 0 },
      isPeer: (id) => this.#peers.has(id),
      hasPeers: () => this.#peers.size > 0,
      attach: (id, kind, response) => this.#peers.get(id)?.attach(kind, response),
      addRemote: (id, urls) => this.addRemote(id, urls),
    });
    const all = (act: (peer: Peer) => void) => this.#peers.forEach(act);
    this.#timers = [
      clock.every(linkHeartbeatMs(timeouts), () => {
        all((peer) => peer.beat());
        entries.forget();
      }),
      clock.every(peerLimits.streamCheckMs, () => {
        const nowMs = clock.nowMs();
        all((peer) => peer.check(nowMs));
      }),
    ];
  }

  /** Connects to a member. Does nothing when it is known already. */
  addPeer(id: MemberId, urls: readonly string[]): void {
    if (this.#isStopped || this.#peers.has(id) || id === this.#options.memberId) return;
    const { logger, memberId } = this.#options;
    const cells = cellsOf(this.#metrics, memberId, id);
    cells.known.value = 1;
    const remote = this.#remotes.get(id);
    this.#remotes.delete(id);
    const peer = remote ?? new Peer({ id, urls, cells, context: this.#context });
    this.#peers.set(id, peer);
    peer.start(urls);
    logger.info("added remote peer", { ...this.#idsOf(id), "remote-peer-urls": urls });
  }

  /**
   * Makes it possible to send to a member that is not known as one yet, by posts alone: of a cluster
   * that is being joined, or one that asks before its addition has been applied here.
   */
  addRemote(id: MemberId, urls: readonly string[]): void {
    const isKnown = this.#peers.has(id) || this.#remotes.has(id);
    if (this.#isStopped || isKnown || id === this.#options.memberId) return;
    const { logger, memberId } = this.#options;
    if (this.#remotes.size >= peerLimits.remotesMax) {
      logger.warn("ignored a remote peer, there are too many", this.#idsOf(id));
      return;
    }
    const cells = cellsOf(this.#metrics, memberId, id);
    this.#remotes.set(id, new Peer({ id, urls, cells, context: this.#context }));
    logger.info("added new remote peer", { ...this.#idsOf(id), "remote-peer-urls": urls });
  }

  /** The member may have new URLs; connections that stand stay. */
  updatePeer(id: MemberId, urls: readonly string[]): void {
    const peer = this.#peers.get(id);
    if (peer === undefined || !peer.update(urls)) return;
    this.#options.logger.info("updated remote peer", {
      "local-member-id": hexId(this.#options.memberId),
      "updated-remote-peer-id": hexId(id),
      "updated-remote-peer-urls": urls,
    });
  }

  removePeer(id: MemberId): void {
    const { logger, memberId } = this.#options;
    const peer = this.#peers.get(id);
    this.#remotes.get(id)?.stop();
    this.#remotes.delete(id);
    const fields = {
      "local-member-id": hexId(memberId),
      "removed-remote-peer-id": hexId(id),
    };
    if (peer === undefined) {
      logger.warn("skipped removing already removed peer", fields);
      return;
    }
    this.#peers.delete(id);
    peer.stop();
    cellsOf(this.#metrics, memberId, id).known.value = 0;
    logger.info("removed remote peer", fields);
  }

  /**
   * Sends messages to the members they are addressed to, in order; those of one call to one member
   * leave in one write. Never waits: what can't be taken is dropped, and reported as unreachable.
   * Messages and their bytes may not change afterwards.
   */
  send(messages: readonly Message[]): void {
    if (this.#isStopped) return;
    const touched = this.#touched;
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i]!;
      const peer = this.#peers.get(message.to) ?? this.#remotes.get(message.to);
      // Messages that raft has crossed out are addressed to nobody.
      if (peer === undefined) continue;
      peer.add(message);
      if (!touched.includes(peer)) touched.push(peer);
    }
    for (let i = 0; i < touched.length; i++) touched[i]!.flush();
    touched.length = 0;
  }

  /**
   * Streams a snapshot to `message.to`. Its outcome goes to `host.reportSnapshot`; `db.close` is
   * called in any case.
   */
  sendSnapshot(message: Message, db: SnapshotDb): void {
    const peer = this.#peers.get(message.to);
    const isFull = this.#snapshots.size >= peerLimits.snapshotsInFlightMax;
    if (this.#isStopped || peer === undefined || isFull) {
      db.close();
      this.#options.host.reportSnapshot(message.to, false);
      return;
    }
    const sending = peer.sendSnapshot(message, db);
    this.#snapshots.add(sending);
    void sending.finally(() => this.#snapshots.delete(sending));
  }

  /** On the clock's `nowMs` scale; undefined while `id` is out of touch, or no member. */
  connectedSinceMs(id: MemberId): number | undefined {
    return this.#peers.get(id)?.status.activeSinceMs;
  }

  stat(): PeerTransportStat {
    const peers = [...this.#peers.values()].map((peer) => ({
      id: peer.id,
      activeSinceMs: peer.status.activeSinceMs,
      hasAllStreams: peer.hasAllStreams,
      bytesPending: peer.bytesPending,
    }));
    return { peers, remotes: [...this.#remotes.keys()], snapshotsSending: this.#snapshots.size };
  }

  /** Ends every connection; resolves when no snapshot is being read any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const timer of this.#timers) timer.clear();
    for (const peer of [...this.#peers.values(), ...this.#remotes.values()]) peer.stop();
    this.#peers.clear();
    this.#remotes.clear();
    await Promise.allSettled(this.#snapshots);
  }

  #deliver(message: Message): void {
    const { host, memberId } = this.#options;
    if (this.#isStopped || message.to !== memberId || isLocal(message)) return;
    if (!host.isRemoved(message.from)) host.step(message);
  }

  #idsOf(id: MemberId) {
    return {
      "local-member-id": hexId(this.#options.memberId),
      "remote-peer-id": hexId(id),
    };
  }
}
