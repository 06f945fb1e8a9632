import type { RequestListener } from "node:http";
import type { ClusterId, MemberId } from "@kvorum/base";
import type { GrpcServer } from "@kvorum/grpc";
import { Applier } from "./apply/applier.js";
import { ApplyFigures } from "./apply/apply-figures.js";
import { ApplyLoop } from "./apply/apply-loop.js";
import { closeMember, type MemberParts, openMember } from "./boot/open-member.js";
import type { OpenedStore } from "./boot/open-store.js";
import { Consensus } from "./consensus/consensus.js";
import { LeaderTransfer } from "./consensus/leader-transfer.js";
import { ProposalIds } from "./consensus/proposal-ids.js";
import { confStateOf, openRaftNode, snapshotAt } from "./consensus/raft-node.js";
import { type SnapshotParts, wireSnapshots } from "./consensus/wire-snapshots.js";
import type { JsonGateway } from "./gateway/json-gateway.js";
import { type LeaderDuties, wireLeaderDuties } from "./leader-duties.js";
import { Leadership } from "./leadership.js";
import { LeaseAuthority } from "./lease/lease-authority.js";
import { MemberLog } from "./member-log.js";
import type { MemberOptions } from "./member-options.js";
import { statusFacts } from "./member-status.js";
import { applyConfChange } from "./membership/apply-conf-change.js";
import type { Cluster } from "./membership/cluster.js";
import { PeerLink } from "./membership/peer-link.js";
import { type MembershipParts, wireMembership } from "./membership/wire-membership.js";
import { NoSpaceAlarm } from "./no-space-alarm.js";
import { Quota } from "./quota.js";
import type { StatusFacts } from "./rpc/maintenance.js";
import { OpenStreams } from "./rpc/open-streams.js";
import { wireServices } from "./rpc/services.js";
import { StoreMaintenance } from "./store-maintenance.js";

/**
 * A running member: the composition root. Both data paths are wired here and nowhere else.
 *
 * ```
 *  openMember -> engine, Store (leases, keys, watch hub, alarms), Cluster
 *           \--> WAL ---> raft node -> Consensus -> ApplyLoop -> Applier -> Store
 *  GrpcServer, JsonGateway -> guard -> services -> Proposer, ReadIndexQueue (in Consensus) and Store
 * ```
 */
export class Member {
  readonly id: MemberId;
  readonly clusterId: ClusterId;
  readonly cluster: Cluster;
  readonly store: OpenedStore;
  readonly consensus: Consensus;
  readonly applyLoop: ApplyLoop;
  readonly quota: Quota;
  readonly maintenance: StoreMaintenance;
  /** Hand it the connections of clients, and `gateway` what they ask for under /v3/ over HTTP. */
  readonly grpc: GrpcServer;
  readonly gateway: JsonGateway;
  readonly #parts: MemberParts;
  readonly #log: MemberLog;
  readonly #ids: ProposalIds;
  readonly #membership: MembershipParts;
  readonly #peers: PeerLink;
  readonly #noSpace: NoSpaceAlarm;
  readonly #duties: LeaderDuties;
  readonly #snapshots: SnapshotParts;
  readonly #openStreams: OpenStreams;
  readonly #transfer: LeaderTransfer;
  readonly #applyFigures: ApplyFigures;
  readonly #leadership: Leadership;
  #stopping: Promise<void> | undefined;

  /**
   * Opens the data directory, joins or begins the cluster, and publishes this member. Resolves when
   * it serves clients.
   * @param servePeers called with the handler of the peer port before the others are talked to
   * @throws StorageError | BackendError naming what is wrong with the directory or its files
   */
  static async start(
    options: MemberOptions,
    servePeers: (handler: RequestListener) => void,
  ): Promise<Member> {
    const member = new Member(await openMember(options));
    try {
      servePeers(member.#peers.handle);
      await member.#begin();
    } catch (error) {
      await member.stop();
      throw error;
    }
    return member;
  }

  private constructor(parts: MemberParts) {
    this.#parts = parts;
    const { options, disk, opened, cluster } = parts;
    const { clock } = options;
    this.id = disk.log.memberId;
    this.clusterId = disk.log.clusterId;
    this.#log = new MemberLog(options, { memberId: this.id, clusterId: this.clusterId });
    this.cluster = cluster;
    this.store = opened;
    this.quota = new Quota(options.quotaBytes, () => opened.buffered.stat().sizeBytes);
    this.#ids = new ProposalIds({ memberId: this.id, wallMs: clock.wallMs() });
    this.maintenance = new StoreMaintenance({
      member: options,
      opened,
      snapDirectory: disk.dataDir.snapDirectory,
    });
    this.#peers = this.#wirePeers();
    this.#leadership = new Leadership({
      opened,
      electionTimeoutMs: options.electionTimeoutMs,
      consensus: () => this.consensus,
      membership: () => this.#membership,
    });
    this.consensus = this.#wireConsensus();
    this.#noSpace = new NoSpaceAlarm(this.consensus.proposer, this.id);
    this.#applyFigures = new ApplyFigures(options, this.#log);
    this.applyLoop = this.#wireApplyLoop();
    this.#membership = wireMembership({
      member: options,
      id: this.id,
      cluster,
      consensus: this.consensus,
      ids: this.#ids,
      peers: this.#peers,
      storageVersion: () => this.maintenance.storageVersion(),
      setStorageVersion: (version) => this.maintenance.setStorageVersion(version),
    });
    this.#duties = wireLeaderDuties({
      id: this.id,
      member: options,
      opened,
      cluster,
      consensus: this.consensus,
    });
    this.#snapshots = wireSnapshots({
      parts,
      consensus: this.consensus,
      applyLoop: this.applyLoop,
      peers: this.#peers,
    });
    const { consensus } = this;
    this.#transfer = new LeaderTransfer({ ...options, consensus, cluster, peers: this.#peers });
    this.#openStreams = new OpenStreams({
      clock,
      electionTimeoutMs: options.electionTimeoutMs,
      hasLeader: () => this.consensus.node.leader !== 0n,
    });
    ({ grpc: this.grpc, gateway: this.gateway } = this.#wireServices());
    this.#log.opened({
      isRestart: disk.dataDir.hasWal,
      commitIndex: disk.log.hardState.commit,
      clusterVersion: cluster.version,
    });
  }

  /** Graceful: what is under way is answered or fails with "server stopped"; idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  status(): StatusFacts {
    const { opened, cluster } = this.#parts;
    return statusFacts({
      node: this.consensus.node,
      applyLoop: this.applyLoop,
      alarms: opened.alarms,
      cluster,
      quota: this.quota,
      size: opened.buffered.stat(),
      storageVersion: this.maintenance.storageVersion(),
    });
  }

  /** What its parts have counted since the start. */
  counts() {
    return {
      leaderChanges: this.#leadership.changes,
      slowApplies: this.#applyFigures.slow,
      expiredLeases: this.#duties.expirer.expired,
      lateHeartbeats: this.consensus.lateHeartbeats,
      learnerPromotions: this.#membership.membership.promotions,
      snapshotsInstalling: this.#snapshots.taker.isInstalling ? 1 : 0,
      walWriteBytes: this.#parts.disk.log.writtenBytes(),
    };
  }

  async #begin(): Promise<void> {
    const { options } = this.#parts;
    this.#peers.addRemotes(this.#parts.disk.remotes);
    this.#peers.membersChanged(this.cluster.members());
    this.consensus.start();
    this.consensus.campaignIfAlone();
    await this.#membership.publisher.publishAttributes({
      id: this.id,
      name: options.name,
      clientUrls: options.advertiseClientUrls,
    });
    this.#log.published(this.consensus.requestTimeoutMs);
  }

  async #stop(): Promise<void> {
    const { publisher, versions, changes, downgrades } = this.#membership;
    this.#log.closing();
    publisher.stop();
    versions.stop();
    downgrades.stop();
    changes.stop();
    this.#duties.stop();
    this.maintenance.stop();
    this.#openStreams.stop();
    await Promise.all([this.grpc.drain(), this.gateway.drain()]);
    await this.#transfer.handOver();
    await this.consensus.stop();
    this.applyLoop.stop();
    await this.#snapshots.compactor.stop();
    await this.#peers.stop();
    await closeMember(this.#parts);
    this.#log.closed();
  }

  #wirePeers(): PeerLink {
    const { options, disk, opened, cluster } = this.#parts;
    return new PeerLink({
      member: options,
      id: this.id,
      cluster,
      opened,
      place: { fs: options.fs, engine: options.engine, dataDir: disk.dataDir },
      consensus: () => this.consensus,
      membership: () => this.#membership.membership,
      storageVersion: () => this.maintenance.storageVersion(),
      onRemoved: options.onRemoved,
    });
  }

  #wireConsensus(): Consensus {
    const { options, disk, cluster, position } = this.#parts;
    const confState =
      disk.position.index > 0
        ? confStateOf(cluster.members())
        : (disk.log.confState ?? confStateOf([]));
    const node = openRaftNode({
      member: options,
      log: disk.log,
      confState,
      consistentIndex: disk.position.index,
      snapshot: () => snapshotAt(position.current, cluster.members()),
    });
    return new Consensus({
      node,
      ids: this.#ids,
      clock: options.clock,
      log: disk.log.wal,
      heartbeatIntervalMs: options.heartbeatIntervalMs,
      electionTimeoutMs: options.electionTimeoutMs,
      requestBytesMax: options.requestBytesMax,
      apply: (entries) => this.applyLoop.push(entries),
      send: (messages) => this.#peers.send(messages),
      onLateHeartbeat: (to, exceededMs) => this.#log.lateHeartbeat(to, exceededMs),
      snapshots: {
        save: (snapshot) => this.#snapshots.taker.save(snapshot),
        install: (snapshot) => this.#snapshots.taker.install(snapshot),
      },
      onSoftState: (state) => this.#leadership.softStateChanged(state),
      onFault: options.onFault,
      connectedSinceMs: (id) => this.#peers.connectedSinceMs(id),
      members: () => cluster.members().map(({ id }) => id),
    });
  }

  #wireApplyLoop(): ApplyLoop {
    const { options, disk, opened, cluster, position } = this.#parts;
    const applier = new Applier({
      opened,
      cluster,
      quota: this.quota,
      logger: options.logger,
      onQuotaExceeded: () => this.#noSpace.raise(),
      onClusterVersion: (version, previous) => {
        this.#log.clusterVersion(version, previous);
        this.maintenance.setStorageVersion(version);
      },
    });
    return new ApplyLoop({
      clock: options.clock,
      consistentIndex: disk.position.index,
      consistentTerm: disk.position.term,
      apply: (proposal, index) => applier.apply(proposal, index),
      takeOwner: (high, low) => this.consensus.proposer.take(high, low),
      applyConfChange: (change) =>
        applyConfChange(
          {
            id: this.id,
            cluster,
            opened,
            peers: this.#peers,
            node: this.consensus.node,
            changes: this.#membership.changes,
            learnersMax: options.learnersMax,
            clock: options.clock,
            logger: options.logger,
            onRemoved: options.onRemoved,
          },
          change,
        ),
      onEmptyEntry: (entry) => {
        this.#membership.changes.emptyEntry(entry);
        this.#leadership.termBegan();
      },
      onEntry: (entry) => {
        position.current = entry;
      },
      underPressure: () => opened.buffered.pressure,
      onApplied: (index) => {
        this.consensus.applied(index);
        this.#membership.changes.retry();
        if (this.consensus.node.leader === 0n) this.consensus.campaignIfAlone();
        this.#snapshots.compactor.applied(index);
      },
      onOutcome: (proposal, response, tookMs) =>
        this.#applyFigures.outcome(proposal, response, tookMs),
    });
  }

  #wireServices(): { readonly grpc: GrpcServer; readonly gateway: JsonGateway } {
    const { options, opened, header, position } = this.#parts;
    return wireServices({
      member: options,
      memberId: this.id,
      opened,
      header,
      quota: this.quota,
      ids: this.#ids,
      membership: this.#membership.membership,
      downgrades: this.#membership.downgrades,
      consensus: this.consensus,
      leases: new LeaseAuthority({
        opened,
        node: this.consensus.node,
        peers: this.#peers,
        proposer: this.consensus.proposer,
        clock: options.clock,
        timeoutMs: this.consensus.requestTimeoutMs,
      }),
      term: () => position.current.term,
      status: () => this.status(),
      defragment: () => this.maintenance.defragment(),
      moveLeader: (target) => this.#transfer.moveTo(target),
      snapshots: this.maintenance,
      onQuotaExceeded: () => this.#noSpace.raise(),
      openStreams: this.#openStreams,
    });
  }
}
