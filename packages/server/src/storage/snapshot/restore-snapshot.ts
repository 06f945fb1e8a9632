import { dirname, join } from "node:path";
import type { Op } from "@kvorum/backends";
import { verifySnapshotFile } from "@kvorum/backends/boltfile";
import { bigintToBytes, type File, hexId, type LogIndex, utf8 } from "@kvorum/base";
import { ConfChangeType, type ConfState, type Entry, encodeConfChange } from "@kvorum/raft";
import { memberToJson } from "../../membership/member.js";
import { openDataDir } from "../data-dir.js";
import { type DataDirPaths, dataDirPaths } from "../data-dir-paths.js";
import { SnapStore } from "../snap/snap-store.js";
import { fromSystemError } from "../storage-error.js";
import { Wal } from "../wal/wal.js";
import { asStorageError } from "./as-storage-error.js";
import { type ImportReport, importBolt } from "./import-bolt.js";
import { checkRestoreOptions, type NewCluster, type RestoreOptions } from "./restore-options.js";

export interface RestoreReport extends ImportReport {
  /** The cluster that the data dir belongs to now. */
  readonly cluster: NewCluster;
}

/** Everything a restored log says was decided in this term. */
const TERM = 1;

/**
 * Makes a data dir from a snapshot, for one member of a new cluster: the snapshot's keys, leases,
 * alarms and users, the members of `initialCluster`, and a log that holds one conf change for each
 * of them. The counterpart of `etcdutl snapshot restore`, into any engine.
 *
 * All is built in `<data-dir>/restoring`, from where `member` is moved to its place at the end:
 * what was restored by half is never taken for a member's data. On failure it is removed again.
 * @throws StorageError "INVALID" | "EXISTS" | "NO_SPACE" | "IO"; BackendError "FORMAT" when the
 *   snapshot is damaged or its hash is missing or wrong, with etcd's text; those of the engine
 */
export async function restoreSnapshot(options: RestoreOptions): Promise<RestoreReport> {
  const cluster = await checkRestoreOptions(options);
  const source = await openSource(options);
  try {
    await verifySnapshotFile(source, { skipHashCheck: options.skipHashCheck });
    return { ...(await restoreVerified(options, source, cluster)), cluster };
  } finally {
    await source.close();
  }
}

async function openSource({ fs, file }: RestoreOptions): Promise<File> {
  try {
    return await fs.open(file, "read");
  } catch (cause) {
    throw fromSystemError(cause, "open the snapshot", file);
  }
}

async function restoreVerified(
  options: RestoreOptions,
  source: File,
  cluster: NewCluster,
): Promise<ImportReport> {
  const { fs, dataDir, walDir, engine, lock } = options;
  const building = join(dataDir, "restoring");
  try {
    const place = { fs, dataDir: building, walDir, engine: engine.name };
    const held = await openDataDir(lock === undefined ? place : { ...place, lock });
    let report: ImportReport;
    try {
      report = await restoreContent(options, { source, cluster, directory: held.engineDirectory });
      await writeLog(options, held, cluster);
    } finally {
      await held.release();
    }
    await fs.rename(held.memberDirectory, dataDirPaths(dataDir).memberDirectory);
    await fs.remove(building, { recursive: true });
    await fs.syncDirectory(dataDir);
    await fs.syncDirectory(dirname(dataDir));
    return report;
  } catch (cause) {
    const made = walDir === undefined ? [building] : [building, walDir];
    for (const path of made) await fs.remove(path, { recursive: true }).catch(() => undefined);
    throw asStorageError(cause, "restore into", dataDir);
  }
}

async function restoreContent(
  options: RestoreOptions,
  into: { readonly source: File; readonly cluster: NewCluster; readonly directory: string },
): Promise<ImportReport> {
  const backend = await options.engine.open({ directory: into.directory });
  try {
    const report = await importBolt({
      file: into.source,
      backend,
      exclude: ["members", "members_removed"],
      ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
    });
    await backend.commit(foundingOps(options, into.cluster, report.latestRevision));
    return report;
  } finally {
    await backend.close();
  }
}

/** What the new cluster's first entries would have written, and the revision's raise. */
function foundingOps(options: RestoreOptions, cluster: NewCluster, latestRevision: number): Op[] {
  const ops: Op[] = [];
  if (options.markCompacted) {
    // An empty record at the new revision, and a compaction that is to run up to it.
    const revision = revisionKey(latestRevision + options.bumpRevision);
    ops.push({ bucket: "key", key: revision, value: Buffer.alloc(0) });
    ops.push({ bucket: "meta", key: utf8("scheduledCompactRev"), value: revision });
  }
  for (const member of cluster.members) {
    const key = utf8(hexId(member.id));
    ops.push({ bucket: "members", key, value: utf8(memberToJson(member)) });
  }
  const position = bigintToBytes(BigInt(lastIndex(cluster)));
  ops.push({ bucket: "meta", key: utf8("consistent_index"), value: position });
  ops.push({ bucket: "meta", key: utf8("term"), value: bigintToBytes(BigInt(TERM)) });
  return ops;
}

/** The log and .snap file of a cluster that has just been founded and has committed its members. */
async function writeLog(
  { fs }: RestoreOptions,
  { walDirectory, snapDirectory }: DataDirPaths,
  cluster: NewCluster,
): Promise<void> {
  const metadata = { memberId: cluster.self, clusterId: cluster.id };
  const wal = await Wal.create({ fs, directory: walDirectory, metadata });
  try {
    const entries = cluster.members.map(
      (member, i): Entry => ({
        term: TERM,
        index: i + 1,
        ...encodeConfChange({
          id: 0n,
          type: ConfChangeType.AddNode,
          nodeId: member.id,
          context: utf8(memberToJson(member)),
        }),
      }),
    );
    const { members } = cluster;
    const position = { index: lastIndex(cluster), term: TERM, confState: confStateOf(cluster) };
    const hardState = { term: TERM, vote: members[0]!.id, commit: position.index };
    await wal.append(hardState, entries, { sync: true });
    await new SnapStore({ fs, directory: snapDirectory }).save({ ...position, members });
    await wal.saveSnapshot(position);
  } finally {
    await wal.close();
  }
}

/** Index of the last conf change: one a member, from 1. */
function lastIndex(cluster: NewCluster): LogIndex {
  return cluster.members.length;
}

function confStateOf(cluster: NewCluster): ConfState {
  const voters = cluster.members.map((member) => member.id);
  return { voters, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
}

/** The key of revision {main, sub 0}: 8 bytes, "_", 8 bytes. */
function revisionKey(main: number): Buffer {
  return Buffer.concat([bigintToBytes(BigInt(main)), utf8("_"), bigintToBytes(0n)]);
}
