import { join } from "node:path";
import { apiError, HeaderEncoder } from "@kvorum/api";
import type { ClusterId, LogIndex, MemberId, Timer } from "@kvorum/base";
import type { GrpcServer, StreamCall } from "@kvorum/grpc";
import type { ConfChange, SoftState } from "@kvorum/raft";
import { Applier } from "./apply/applier.js";
import { ApplyLoop } from "./apply/apply-loop.js";
import { type OpenedDisk, openDisk } from "./boot/open-disk.js";
import { type OpenedStore, type OpenStoreOptions, openStore } from "./boot/open-store.js";
import {
  type Position,
  readStorageVersion,
  writeConfState,
  writePosition,
  writeStorageVersion,
} from "./boot/position.js";
import { Consensus } from "./consensus/consensus.js";
import { LogCompactor } from "./consensus/log-compactor.js";
import { ProposalIds } from "./consensus/proposal-ids.js";
import { confStateOf, openRaftNode } from "./consensus/raft-node.js";
import { SnapshotTaker } from "./consensus/snapshot-taker.js";
import { LeaseAuthority } from "./lease/lease-authority.js";
import { LeaseExpirer } from "./lease/lease-expirer.js";
import type { MemberOptions } from "./member-options.js";
import { statusFacts } from "./member-status.js";
import { Cluster } from "./membership/cluster.js";
import { applyConfChangeToCluster } from "./membership/conf-change-applier.js";
import { noPeers } from "./membership/no-peers.js";
import type { Peers } from "./membership/peers.js";
import type { MembershipParts } from "./membership/wire-membership.js";
import { wireMembership } from "./membership/wire-membership.js";
import { NoSpaceAlarm } from "./no-space-alarm.js";
import { Quota } from "./quota.js";
import type { StatusFacts } from "./rpc/maintenance.js";
import { fail } from "./rpc/reply.js";
import { wireServices } from "./rpc/services.js";
import type { SnapshotStream } from "./rpc/snapshot.js";
import { SnapStore } from "./storage/snap/snap-store.js";
import { saveSnapshot } from "./storage/snapshot/save-snapshot.js";

/** What the asynchronous part of a start has opened. */
interface Parts {
  readonly options: MemberOptions;
  readonly disk: OpenedDisk;
  readonly opened: OpenedStore;
  /** How it was opened, for opening another one. */
  readonly opening: OpenStoreOptions;
  readonly cluster: Cluster;
  readonly header: HeaderEncoder;
  /** Moves with the applied entries; the committer writes it with the content it stands for. */
  readonly position: { current: Position };
}

/**
 * A running member: the composition root. Both data paths are wired here and nowhere else.
 *
 * ```
 *  openDisk -> engine -> openStore (leases, keys, watch hub, alarms) -> Cluster
 *         \--> WAL ---> raft node -> Consensus -> ApplyLoop -> Applier -> Store
 *  GrpcServer -> guard -> services -> Proposer, ReadIndexQueue (in Consensus) and Store
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
  /** Hand it the connections of clients. */
  readonly grpc: GrpcServer;
  readonly #parts: Parts;
  readonly #ids: ProposalIds;
  readonly #membership: MembershipParts;
  readonly #peers: Peers = noPeers;
  readonly #noSpace: NoSpaceAlarm;
  readonly #expirer: LeaseExpirer;
  readonly #compactor: LogCompactor;
  readonly #snapshotTaker: SnapshotTaker;
  readonly #openStreams = new Map<StreamCall, { readonly needsLeader: boolean }>();
  #snapshotsOpened = 0;
  readonly #leaderCheck: Timer;
  #leaderlessTicks = 0;
  #lastLeader: MemberId = 0n;
  /** Figures for the metrics page. */
  isDefragmenting = false;
  leaderChanges = 0;
  slowApplies = 0;
  #stopping: Promise<void> | undefined;

  /**
   * Opens the data directory, joins or begins the cluster, and publishes this member. Resolves when
   * it serves clients.
   * @throws StorageError | BackendError naming what is wrong with the directory or its files
   */
  static async start(options: MemberOptions): Promise<Member> {
    const disk = await openDisk(options);
    const { log, backend } = disk;
    const header = new HeaderEncoder({ clusterId: log.clusterId, memberId: log.memberId });
    const position = { current: disk.position };
    const opening: OpenStoreOptions = {
      ...{ options, backend, header },
      term: () => position.current.term,
      beforeCommit: (put) => writePosition(put, position.current),
      afterCommit: ({ durationMs }) =>
        options.metrics.histograms.backendCommit.observe(durationMs / 1000),
    };
    const opened = await openStore(opening);
    const cluster = new Cluster({ id: log.clusterId, store: opened.buffered });
    await cluster.load();
    const member = new Member({ options, disk, opened, opening, cluster, header, position });
    await member.#begin();
    return member;
  }

  private constructor(parts: Parts) {
    this.#parts = parts;
    const { options, disk, opened, cluster } = parts;
    const { clock, logger } = options;
    this.id = disk.log.memberId;
    this.clusterId = disk.log.clusterId;
    this.cluster = cluster;
    this.store = opened;
    this.quota = new Quota(options.quotaBytes, () => opened.buffered.stat().sizeBytes);
    this.#ids = new ProposalIds({ memberId: this.id, wallMs: clock.wallMs() });
    this.consensus = this.#wireConsensus();
    this.#noSpace = new NoSpaceAlarm(this.consensus.proposer, this.id);
    this.applyLoop = this.#wireApplyLoop();
    const { proposer } = this.consensus;
    this.#membership = wireMembership({
      ...{ member: options, id: this.id, cluster, consensus: this.consensus, ids: this.#ids },
      peers: this.#peers,
      storageVersion: () => this.storageVersion(),
      setStorageVersion: (version) => this.#setStorageVersion(version),
    });
    this.#expirer = new LeaseExpirer({
      ...{ proposer, clock, opened },
      isLeader: () => this.consensus.node.isLeader,
    });
    this.#compactor = new LogCompactor(
      {
        member: options,
        node: this.consensus.node,
        wal: disk.log.wal,
        snaps: new SnapStore({ fs: options.fs, directory: disk.dataDir.snapDirectory }),
        isPersistent: disk.backend.capabilities.persistent,
        flush: () => opened.buffered.flush(),
        applied: () => parts.position.current,
        confState: () => this.consensus.node.status().confState,
        membership: () => ({
          members: cluster.members(),
          removed: cluster.removed(),
          clusterVersion: cluster.version === "" ? undefined : cluster.version,
        }),
      },
      disk.log.compacted.index,
    );
    this.#snapshotTaker = new SnapshotTaker({
      place: { fs: options.fs, engine: options.engine, dataDir: disk.dataDir },
      ...{ opened, cluster, logger, opening: parts.opening },
      ...{ applyLoop: this.applyLoop, compactor: this.#compactor },
      onPosition: (position) => {
        parts.position.current = position;
      },
    });
    this.grpc = this.#wireServices();
    this.#leaderCheck = clock.every(options.electionTimeoutMs, () => this.#checkLeaderStreams());
    logger.debug("wired the member", { "member-id": this.id.toString(16) });
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
      storageVersion: this.storageVersion(),
    });
  }

  /** "X.Y.0", or empty while unknown. */
  storageVersion(): string {
    return readStorageVersion((bucket, key) => this.store.buffered.get(bucket, key));
  }

  #setStorageVersion(version: string): void {
    const { buffered } = this.store;
    writeStorageVersion((bucket, key, value) => buffered.put(bucket, key, value), version);
  }

  get expiredLeases(): number {
    return this.#expirer.expired;
  }

  get walWriteBytes(): number {
    return this.#parts.disk.log.writtenBytes();
  }

  async #begin(): Promise<void> {
    const { options } = this.#parts;
    this.consensus.start();
    this.consensus.campaignIfAlone();
    await this.#membership.publisher.publishAttributes({
      id: this.id,
      name: options.name,
      clientUrls: options.advertiseClientUrls,
    });
    options.logger.info("published local member to cluster through raft", {
      "local-member-id": this.id.toString(16),
      "cluster-id": this.clusterId.toString(16),
    });
  }

  async #stop(): Promise<void> {
    const { disk, opened, options } = this.#parts;
    this.#leaderCheck.clear();
    const { publisher, versions, changes } = this.#membership;
    publisher.stop();
    versions.stop();
    changes.stop();
    this.#expirer.stop();
    // Streams without an end would keep the server from draining.
    for (const call of [...this.#openStreams.keys()]) fail(call, apiError("stopped"));
    await this.grpc.drain();
    await this.consensus.stop();
    this.applyLoop.stop();
    await this.#compactor.stop();
    opened.watchHub.close();
    await opened.store.close();
    await opened.buffered.close();
    await disk.log.wal.close();
    await disk.dataDir.release();
    options.logger.info("closed etcd server", { "data-dir": options.dataDir });
  }

  #wireConsensus(): Consensus {
    const { options, disk, cluster } = this.#parts;
    const confState =
      disk.position.index > 0
        ? confStateOf(
            cluster.voters().map((member) => member.id),
            cluster.learners().map((member) => member.id),
          )
        : (disk.log.confState ?? confStateOf([], []));
    const node = openRaftNode({
      ...{ member: options, log: disk.log, confState },
      consistentIndex: disk.position.index,
      snapshot: () => undefined,
    });
    return new Consensus({
      ...{ node, ids: this.#ids, clock: options.clock, log: disk.log.wal },
      heartbeatIntervalMs: options.heartbeatIntervalMs,
      electionTimeoutMs: options.electionTimeoutMs,
      requestBytesMax: options.requestBytesMax,
      apply: (entries) => this.applyLoop.push(entries),
      send: (messages) => this.#peers.send(messages),
      takeSnapshot: (snapshot) => this.#snapshotTaker.take(snapshot),
      onSoftState: (state) => this.#onSoftState(state),
      onFault: options.onFault,
    });
  }

  #wireApplyLoop(): ApplyLoop {
    const { options, disk, opened, cluster, position } = this.#parts;
    const applier = new Applier({
      ...{ opened, cluster },
      quota: this.quota,
      onQuotaExceeded: () => this.#noSpace.raise(),
      onClusterVersion: (version) => {
        options.logger.info("set initial cluster version", { "cluster-version": version });
        this.#setStorageVersion(version);
      },
    });
    return new ApplyLoop({
      clock: options.clock,
      consistentIndex: disk.position.index,
      consistentTerm: disk.position.term,
      apply: (proposal) => applier.apply(proposal),
      takeOwner: (high, low) => this.consensus.proposer.take(high, low),
      applyConfChange: (change, index) => this.#applyConfChange(change, index),
      onTermBegin: () => this.#onTermBegin(),
      onEntry: (entry) => {
        position.current = entry;
      },
      underPressure: () => opened.buffered.pressure,
      onApplied: (index) => {
        this.consensus.applied(index);
        if (this.consensus.node.leader === 0n) this.consensus.campaignIfAlone();
        this.#compactor.applied(index);
      },
      onSlow: (tookMs) => {
        this.slowApplies++;
        options.logger.warn("apply request took too long", {
          took: `${tookMs.toFixed(3)}ms`,
          "expected-duration": `${options.slowApplyMs}ms`,
        });
      },
      slowMs: options.slowApplyMs,
    });
  }

  #wireServices(): GrpcServer {
    const { options, opened, header, position } = this.#parts;
    return wireServices({
      member: options,
      memberId: this.id,
      ...{
        opened,
        header,
        quota: this.quota,
        ids: this.#ids,
        membership: this.#membership.membership,
      },
      consensus: this.consensus,
      leases: new LeaseAuthority({
        ...{ opened, node: this.consensus.node, peers: this.#peers },
        clock: options.clock,
        timeoutMs: this.consensus.requestTimeoutMs,
      }),
      term: () => position.current.term,
      status: () => this.status(),
      defragment: () => this.#defragment(),
      snapshots: { storageVersion: () => this.storageVersion(), open: () => this.#openSnapshot() },
      onQuotaExceeded: () => this.#noSpace.raise(),
      openStreams: this.#openStreams,
    });
  }

  async #openSnapshot(): Promise<SnapshotStream> {
    const { options, disk } = this.#parts;
    this.#snapshotsOpened++;
    const path = join(disk.dataDir.snapDirectory, `tmp${this.#snapshotsOpened}`);
    return saveSnapshot(await this.store.buffered.view(), { fs: options.fs, path });
  }

  async #defragment(): Promise<void> {
    const { disk, options } = this.#parts;
    if (this.isDefragmenting) throw new Error("a defragmentation of this member is under way");
    this.isDefragmenting = true;
    const startMs = options.clock.nowMs();
    options.logger.info("starting defragment");
    try {
      await disk.backend.defragment(() => {});
    } finally {
      this.isDefragmenting = false;
    }
    const tookMs = options.clock.nowMs() - startMs;
    options.metrics.histograms.backendDefrag.observe(tookMs / 1000);
    options.logger.info("finished defragment", { took: `${tookMs.toFixed(0)}ms` });
  }

  #applyConfChange(change: ConfChange, index: LogIndex): void {
    const { options, cluster, opened } = this.#parts;
    const outcome = applyConfChangeToCluster(cluster, change, options.learnersMax);
    const state = this.consensus.node.applyConfChange(
      outcome.ok ? change : { ...change, nodeId: 0n },
    );
    writeConfState((bucket, key, value) => opened.buffered.put(bucket, key, value), state);
    this.#membership.changes.applied(change.id, outcome);
    this.#peers.membersChanged(cluster.members());
    options.logger.info("applied a configuration change", {
      "entry-index": index,
      "member-id": change.nodeId.toString(16),
      outcome: outcome.ok ? outcome.kind : outcome.error,
    });
  }

  #onSoftState(state: SoftState): void {
    if (state.role !== "leader") this.store.lessor.demote();
    if (state.leader !== this.#lastLeader) {
      this.#lastLeader = state.leader;
      if (state.leader !== 0n) this.leaderChanges++;
      this.#membership.changes.retry();
      this.consensus.reads.leaderChanged();
    }
    this.consensus.wake();
  }

  /** A leader owns the leases from the first entry of its term on. */
  #onTermBegin(): void {
    if (!this.consensus.node.isLeader) return;
    this.store.lessor.promote(this.#parts.options.electionTimeoutMs);
    this.#membership.versions.look();
  }

  /** Streams that asked for a leader end after three election time-outs without one. */
  #checkLeaderStreams(): void {
    this.#leaderlessTicks = this.consensus.node.leader === 0n ? this.#leaderlessTicks + 1 : 0;
    if (this.#leaderlessTicks < LEADERLESS_TICKS_MAX) return;
    for (const [call, { needsLeader }] of this.#openStreams) {
      if (needsLeader) fail(call, apiError("noLeader"));
    }
  }
}

/** Election time-outs without a leader after which streams that need one end. Source: etcd. */
const LEADERLESS_TICKS_MAX = 3;
