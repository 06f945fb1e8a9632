import { dirname, join } from "node:path";
import type { Op } from "@kvorum/backends";
import { verifySnapshotFile } from "@kvorum/backends/boltfile";
import { bigintToBytes, hexId, type LogIndex, utf8 } from "@kvorum/base";
import { ConfChangeType, type ConfState, type Entry, encodeConfChange } from "@kvorum/raft";
import { memberToJson } from "../../membership/member.js";
import { Wal } from "../wal/wal.js";
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
 * All is built in `<data-dir>/member.restoring`, which becomes `member` at the end: a data dir that
 * was restored by half is never taken for a member's. On failure what was made is removed again.
 *
 * ```
 * <data-dir>/member/engine.json    {"engine":"lmdb","version":1}
 *                  /db/            the engine's own
 *                  /wal/           unless `walDir` says otherwise
 *                  /snap/
 * ```
 * @throws StorageError "INVALID" | "EXISTS" | "NO_SPACE" | "IO"; BackendError "FORMAT" when the
 *   snapshot is damaged or its hash is missing or wrong, with etcd's text; those of the engine
 */
export async function restoreSnapshot(options: RestoreOptions): Promise<RestoreReport> {
  const { fs, dataDir } = options;
  const cluster = await checkRestoreOptions(options);
  const building = join(dataDir, "member.restoring");
  const walDir = options.walDir ?? join(building, "wal");
  const source = await fs.open(options.file, "read");
  const made: string[] = [];
  try {
    await verifySnapshotFile(source, { skipHashCheck: options.skipHashCheck });
    made.push(building);
    await fs.makeDirectory(join(building, "snap"));
    await fs.makeDirectory(dirname(walDir));
    const database = { directory: join(building, "db") };
    const backend = await options.engine.open(database);
    let report: ImportReport;
    try {
      const { onProgress } = options;
      const exclude = ["members", "members_removed"] as const;
      const progress = onProgress === undefined ? {} : { onProgress };
      report = await importBolt({ file: source, backend, exclude, ...progress });
      await backend.commit(foundingOps(options, cluster, report.latestRevision));
    } finally {
      await backend.close();
    }
    const identity = JSON.stringify({ engine: options.engine.name, version: 1 });
    await fs.writeFile(join(building, "engine.json"), utf8(`${identity}\n`));
    if (options.walDir !== undefined) made.push(walDir);
    await writeLog(options, walDir, cluster);
    await fs.syncDirectory(join(building, "snap"));
    await fs.syncDirectory(building);
    await fs.rename(building, join(dataDir, "member"));
    await fs.syncDirectory(dataDir);
    await fs.syncDirectory(dirname(dataDir));
    return { ...report, cluster };
  } catch (error) {
    for (const path of made) await fs.remove(path, { recursive: true }).catch(() => {});
    throw error;
  } finally {
    await source.close();
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

/** The log of a cluster that has just been founded and has committed its members. */
async function writeLog(
  { fs }: RestoreOptions,
  directory: string,
  cluster: NewCluster,
): Promise<void> {
  const metadata = { memberId: cluster.self, clusterId: cluster.id };
  const wal = await Wal.create({ fs, directory, metadata });
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
    const commit = lastIndex(cluster);
    const vote = cluster.members[0]!.id;
    await wal.append({ term: TERM, vote, commit }, entries, { sync: true });
    await wal.saveSnapshot({ index: commit, term: TERM, confState: confStateOf(cluster) });
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
