import type { DirectoryLock, Engine } from "@kvorum/backends";
import type { ClusterId, FileSystem, MemberId } from "@kvorum/base";
import { goQuote } from "@kvorum/base";
import { parseInitialCluster, verifyBootstrap } from "../../config/initial-cluster.js";
import { parseListenUrls } from "../../config/listen-url.js";
import { findUrlMismatch } from "../../discovery/url-mismatch.js";
import { clusterId, memberId } from "../../membership/ids.js";
import type { Member } from "../../membership/member.js";
import { StorageError } from "../storage-error.js";
import type { SnapshotProgress } from "./save-snapshot.js";

/** The flags of `etcdutl snapshot restore`, and the engine to restore into. */
export interface RestoreOptions {
  readonly fs: FileSystem;
  /** Path of the snapshot. */
  readonly file: string;
  readonly engine: Engine;
  readonly name: string;
  /** Must be absent or empty. */
  readonly dataDir: string;
  /** Must be absent; undefined means inside the data dir. */
  readonly walDir?: string | undefined;
  /** "name=url,name=url" */
  readonly initialCluster: string;
  readonly initialClusterToken: string;
  readonly initialAdvertisePeerUrls: readonly string[];
  /** Accept a file without a hash, such as the db of a data dir, or with a wrong one. */
  readonly skipHashCheck: boolean;
  /** How far the latest revision is raised; 0 leaves it. Not without `markCompacted`. */
  readonly bumpRevision: number;
  /** Marks the raised revision as compacted. Not without `bumpRevision`. */
  readonly markCompacted: boolean;
  readonly onProgress?: SnapshotProgress;
  /** As `openDataDir`'s: a simulated file system needs none. */
  readonly lock?: (directory: string) => Promise<DirectoryLock>;
}

/** The cluster that a restored member will be part of. */
export interface NewCluster {
  /** Ascending by id. */
  readonly members: readonly Member[];
  readonly self: MemberId;
  readonly id: ClusterId;
}

/**
 * Checks the options, those of etcdutl in its order and with its texts, up to the snapshot itself.
 * @throws StorageError "INVALID" | "EXISTS"; nothing is changed
 */
export async function checkRestoreOptions(options: RestoreOptions): Promise<NewCluster> {
  if (options.bumpRevision > 0 !== options.markCompacted) {
    throw invalid("--mark-compacted required if --revision-bump > 0");
  }
  if (!Number.isSafeInteger(options.bumpRevision)) {
    throw invalid(`--bump-revision ${options.bumpRevision} is not an integer below 2^53`);
  }
  if (!options.engine.capabilities.persistent) {
    const { name } = options.engine;
    throw invalid(`the storage engine "${name}" keeps nothing on the disk: restore into another`);
  }
  const cluster = await planCluster(options);
  await requireFreePlaces(options);
  return cluster;
}

async function planCluster(options: RestoreOptions): Promise<NewCluster> {
  const advertised = parseListenUrls(options.initialAdvertisePeerUrls);
  if (advertised.kind === "error") throw invalid(advertised.message);
  const initial = parseInitialCluster(options.initialCluster);
  if (initial.kind === "error") {
    // The server names the step before the fault, etcdutl does not.
    throw invalid(initial.message.replace(/^error setting up initial cluster: /, ""));
  }
  const own = initial.members.find(({ name }) => name === options.name)?.peerUrls ?? [];
  const fault = verifyBootstrap({
    mismatch: await findUrlMismatch(advertised.value, own),
    name: options.name,
    advertisePeerUrls: advertised.value,
    members: initial.members,
  });
  if (fault !== undefined) throw invalid(fault);
  const members = initial.members.map(({ name, peerUrls }): Member => {
    const urls = peerUrls.map((url) => url.href);
    const id = memberId(urls, options.initialClusterToken);
    return { id, peerUrls: urls, isLearner: false, name, clientUrls: [] };
  });
  members.sort((left, right) => (left.id < right.id ? -1 : 1));
  const self = members.find((member) => member.name === options.name)!;
  return { members, self: self.id, id: clusterId(members.map((member) => member.id)) };
}

async function requireFreePlaces({ fs, dataDir, walDir }: RestoreOptions): Promise<void> {
  const found = await fs.stat(dataDir);
  const isFree =
    found === undefined || (found.isDirectory && (await fs.list(dataDir)).length === 0);
  if (!isFree) {
    const message = `data-dir ${goQuote(dataDir)} not empty or could not be read`;
    throw new StorageError("EXISTS", message, { path: dataDir });
  }
  if (walDir !== undefined && (await fs.stat(walDir)) !== undefined) {
    throw new StorageError("EXISTS", `wal-dir ${goQuote(walDir)} exists`, { path: walDir });
  }
}

function invalid(message: string): StorageError {
  return new StorageError("INVALID", message);
}
