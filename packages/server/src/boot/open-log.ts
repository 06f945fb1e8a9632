import {
  assert,
  type ClusterId,
  type LogIndex,
  type MemberId,
  type Term,
  utf8,
} from "@kvorum/base";
import {
  ConfChangeType,
  type ConfState,
  type Entry,
  encodeConfChange,
  type HardState,
} from "@kvorum/raft";
import type { InitialCluster, MemberOptions } from "../member-options.js";
import { clusterId, memberId } from "../membership/ids.js";
import { memberToJson } from "../membership/member.js";
import type { WalSnapshot } from "../storage/wal/records.js";
import { Wal } from "../storage/wal/wal.js";
import type { ExistingCluster } from "./join-cluster.js";

/** The Raft log as it was found or begun. */
export interface OpenedRaftLog {
  readonly wal: Wal;
  readonly memberId: MemberId;
  readonly clusterId: ClusterId;
  readonly hardState: HardState;
  /** The log begins after this. */
  readonly compacted: { readonly index: LogIndex; readonly term: Term };
  /** Configuration at `compacted`, when a snapshot record gives it. */
  readonly confState: ConfState | undefined;
  readonly entries: readonly Entry[];
  /** Since the start. */
  readonly writtenBytes: () => number;
}

/**
 * Opens the log from the newest snapshot that the engine's content covers (undefined: from its
 * beginning); entries behind it that the engine has already are skipped when they are applied.
 * @throws StorageError when the log is damaged in the middle or misses what the engine needs
 */
export async function openExistingLog(
  options: MemberOptions,
  { walDir, start }: { readonly walDir: string; readonly start: WalSnapshot | undefined },
): Promise<OpenedRaftLog> {
  const { logger } = options;
  const compacted = { index: start?.index ?? 0, term: start?.term ?? 0 };
  const writes = observeWrites(options);
  const opened = await Wal.open({ ...writes.options, directory: walDir, snapshot: compacted });
  if (opened.repair !== undefined) {
    logger.warn("repaired a torn tail of the write-ahead log", { ...opened.repair });
  }
  return {
    wal: opened.wal,
    memberId: opened.metadata.memberId,
    clusterId: opened.metadata.clusterId,
    hardState: opened.hardState,
    compacted,
    confState: start?.confState,
    entries: opened.entries,
    writtenBytes: writes.writtenBytes,
  };
}

/** Begins the log of a member that joins a running cluster: empty, filled by the leader. */
export async function createJoiningLog(
  options: MemberOptions,
  walDir: string,
  { clusterId: cluster, self }: ExistingCluster,
): Promise<OpenedRaftLog> {
  const writes = observeWrites(options);
  const metadata = { memberId: self.id, clusterId: cluster };
  const wal = await Wal.create({ ...writes.options, directory: walDir, metadata });
  return {
    wal,
    memberId: self.id,
    clusterId: cluster,
    hardState: { term: 0, vote: 0n, commit: 0 },
    compacted: { index: 0, term: 0 },
    confState: undefined,
    entries: [],
    writtenBytes: writes.writtenBytes,
  };
}

/**
 * Begins the log of a new cluster: one conf change for each initial member, in ascending id,
 * committed from the start. Every member builds the identical log.
 */
export async function createLog(
  options: MemberOptions,
  { walDir, members: named }: { readonly walDir: string; readonly members: InitialCluster },
): Promise<OpenedRaftLog> {
  const { initialClusterToken } = options;
  const members = [...named]
    .map(([name, peerUrls]) => ({ name, peerUrls, id: memberId(peerUrls, initialClusterToken) }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const self = members.find((member) => member.name === options.name);
  assert(self !== undefined, `the initial cluster names this member, "${options.name}"`);
  const cluster = clusterId(members.map((member) => member.id));
  const entries = members.map(
    (member, i): Entry => ({
      term: 1,
      index: i + 1,
      ...encodeConfChange({
        id: 0n,
        type: ConfChangeType.AddNode,
        nodeId: member.id,
        context: utf8(memberToJson({ ...member, isLearner: false, clientUrls: [] })),
      }),
    }),
  );
  const hardState: HardState = { term: 1, vote: 0n, commit: entries.length };
  const writes = observeWrites(options);
  const wal = await Wal.create({
    ...writes.options,
    directory: walDir,
    metadata: { memberId: self.id, clusterId: cluster },
    // Together with the creation, so that no start ever finds a log without members.
    initial: { hardState, entries },
  });
  return {
    wal,
    memberId: self.id,
    clusterId: cluster,
    hardState,
    compacted: { index: 0, term: 0 },
    confState: undefined,
    entries,
    writtenBytes: writes.writtenBytes,
  };
}

/** The log's options, with its writes counted and timed for the metrics page. */
function observeWrites({ fs, clock, unsafeNoSync, metrics }: MemberOptions) {
  let written = 0;
  const { walSync, walWrite } = metrics.histograms;
  const onWritten = (durationMs: number, bytes: number) => {
    written += bytes;
    walSync.observe(durationMs / 1000);
    walWrite.observe(durationMs / 1000);
  };
  return {
    options: { fs, clock, isDurable: !unsafeNoSync, onWritten },
    writtenBytes: () => written,
  };
}
