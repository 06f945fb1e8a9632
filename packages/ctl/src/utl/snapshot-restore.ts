import { join } from "node:path";
import { ENGINE_NAMES, loadEngine, lockDirectory } from "@kvorum/backends";
import { hexId } from "@kvorum/base";
import { nodeFileSystem } from "@kvorum/base/node";
import { type RestoreReport, restoreSnapshot } from "@kvorum/server/storage";
import { badArguments, CtlError, failure } from "../cli/ctl-error.js";
import { type FlagValues, flag } from "../cli/flags.js";
import type { Io } from "../cli/io.js";
import { ProgressBar } from "../cli/progress-bar.js";
import { consoleLine } from "./console-line.js";
import { utlVerb } from "./context.js";

const flags = {
  "data-dir": flag.string("Path to the output data directory"),
  "wal-dir": flag.string("Path to the WAL directory (use --data-dir if none given)"),
  "initial-cluster": flag.string(
    "Initial cluster configuration for restore bootstrap",
    "default=http://localhost:2380",
  ),
  "initial-cluster-token": flag.string(
    "Initial cluster token for the etcd cluster during restore bootstrap",
    "etcd-cluster",
  ),
  "initial-advertise-peer-urls": flag.string(
    "List of this member's peer URLs to advertise to the rest of the cluster",
    "http://localhost:2380",
  ),
  name: flag.string("Human-readable name for this member", "default"),
  "skip-hash-check": flag.bool(
    "Ignore snapshot integrity hash value (required if copied from data directory)",
  ),
  "initial-memory-map-size": flag.uint("Accepted and without effect: no engine needs it"),
  "bump-revision": flag.uint("How much to increase the latest revision after restore"),
  "mark-compacted": flag.bool(
    "Mark the latest revision after restore as the point of scheduled compaction (required if " +
      "--bump-revision > 0, disallowed otherwise)",
  ),
  backend: flag.string(
    `Storage engine to restore into: ${ENGINE_NAMES.join(", ")}, or a module name or path`,
    "lmdb",
  ),
} as const;

export const snapshotRestore = utlVerb({
  name: "restore",
  usage: "restore <filename> --data-dir {output dir} [options]",
  summary: "Restores an etcd member snapshot to an etcd directory",
  flags,
  async run({ io }, { args, flags: given }) {
    const [file] = args;
    if (file === undefined || args.length !== 1) {
      throw badArguments("snapshot restore requires exactly one argument");
    }
    if (given["bump-revision"] > 0 !== given["mark-compacted"]) {
      throw badArguments("--mark-compacted required if --revision-bump > 0");
    }
    try {
      await restore(io, file, given);
    } catch (cause) {
      if (isAbsent(cause)) throw new CtlError("error", `open ${file}: no such file or directory`);
      throw failure("error", cause);
    }
  },
});

/** Whether the snapshot itself is not there; nothing else is opened that has to be. */
function isAbsent(error: unknown): boolean {
  const { cause } = error instanceof Error ? error : {};
  return cause instanceof Error && "code" in cause && cause.code === "ENOENT";
}

async function restore(io: Io, file: string, given: FlagValues<typeof flags>): Promise<void> {
  const dataDir = given["data-dir"] || `${given.name}.etcd`;
  const walDir = given["wal-dir"] || undefined;
  const engine = await loadEngine(given.backend);
  const places = {
    path: file,
    "wal-dir": walDir ?? join(dataDir, "member", "wal"),
    "data-dir": dataDir,
    "snap-dir": join(dataDir, "member", "snap"),
    backend: engine.name,
  };
  consoleLine(io, "restoring snapshot", places);
  let report: RestoreReport;
  const bar = new ProgressBar(io.stderr, "restore");
  try {
    report = await restoreSnapshot({
      fs: nodeFileSystem,
      file,
      engine,
      name: given.name,
      dataDir,
      walDir,
      initialCluster: given["initial-cluster"],
      initialClusterToken: given["initial-cluster-token"],
      initialAdvertisePeerUrls: given["initial-advertise-peer-urls"].split(","),
      skipHashCheck: given["skip-hash-check"],
      bumpRevision: given["bump-revision"],
      markCompacted: given["mark-compacted"],
      onProgress: ({ doneBytes, totalBytes }) => bar.update(doneBytes, totalBytes),
      lock: lockDirectory,
    });
  } finally {
    bar.stop();
  }
  for (const member of report.cluster.members) {
    consoleLine(io, "added member", {
      "cluster-id": hexId(report.cluster.id),
      // No member runs here.
      "local-member-id": "0",
      "added-peer-id": hexId(member.id),
      "added-peer-peer-urls": member.peerUrls,
      "added-peer-is-learner": member.isLearner,
    });
  }
  consoleLine(io, "restored snapshot", places);
}
