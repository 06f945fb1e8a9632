import { BackendError, type BackendStat, loadEngine, lockDirectory } from "@kvorum/backends";
import { nodeClock, nodeFileSystem } from "@kvorum/base/node";
import { defragmentDataDir, type OpenedToDefragment } from "@kvorum/server/storage";
import { CtlError, failure } from "../cli/ctl-error.js";
import { flag } from "../cli/flags.js";
import { ProgressBar } from "../cli/progress-bar.js";
import { goDuration, humanBytes } from "../output/go-text.js";
import { type ConsoleField, consoleLine } from "./console-line.js";
import { type UtlContext, utlVerb } from "./context.js";

/** Between two tries to take the lock. Source: bbolt's flockRetryTimeout. */
const LOCK_RETRY_MS = 50;

export const defrag = utlVerb({
  name: "defrag",
  usage: "defrag",
  summary: "Defragments the storage of the etcd",
  flags: {
    "data-dir": flag.string("Required. Defragments a data directory not in use by etcd."),
    backend: flag.string("Storage engine of the data when it is not built in: a module or path"),
  },
  async run(context, { flags }) {
    const dataDir = flags["data-dir"];
    if (dataDir === "") throw new CtlError("error", 'required flag(s) "data-dir" not set');
    try {
      await defragment(context, dataDir, flags.backend);
    } catch (cause) {
      throw failure("error", cause, `Failed to defragment etcd data[${dataDir}]`);
    }
  },
});

async function defragment(
  { io, flags }: UtlContext,
  dataDir: string,
  backend: string,
): Promise<void> {
  const startMs = nodeClock.nowMs();
  let before: OpenedToDefragment | undefined;
  const bar = new ProgressBar(io.stderr, "defrag");
  let after: BackendStat;
  try {
    after = await defragmentDataDir({
      fs: nodeFileSystem,
      dataDir,
      loadEngine: (name) => loadEngine(backend || name),
      lock: (directory) => lockWithin(directory, flags.timeout),
      onOpened: (opened) => {
        before = opened;
        consoleLine(io, "defragmenting", { path: opened.path, ...sizesOf(opened) });
      },
      onProgress: ({ doneBytes, totalBytes }) => bar.update(doneBytes, totalBytes),
    });
  } finally {
    bar.stop();
  }
  const { path, sizeBytes, sizeInUseBytes } = before!;
  const sizes = sizesOf(after);
  consoleLine(io, "finished defragmenting directory", {
    path,
    "current-db-size-bytes-diff": after.sizeBytes - sizeBytes,
    "current-db-size-bytes": sizes["current-db-size-bytes"],
    "current-db-size": sizes["current-db-size"],
    "current-db-size-in-use-bytes-diff": after.sizeInUseBytes - sizeInUseBytes,
    "current-db-size-in-use-bytes": sizes["current-db-size-in-use-bytes"],
    "current-db-size-in-use": sizes["current-db-size-in-use"],
    took: goDuration(nodeClock.nowMs() - startMs),
  });
}

function sizesOf({ sizeBytes, sizeInUseBytes }: BackendStat) {
  return {
    "current-db-size-bytes": sizeBytes,
    "current-db-size": humanBytes(sizeBytes),
    "current-db-size-in-use-bytes": sizeInUseBytes,
    "current-db-size-in-use": humanBytes(sizeInUseBytes),
  } satisfies Record<string, ConsoleField>;
}

/** Takes the lock, for which it waits as long as `timeoutMs`; 0: for ever. */
async function lockWithin(
  directory: string,
  timeoutMs: number,
): Promise<Awaited<ReturnType<typeof lockDirectory>>> {
  const startMs = nodeClock.nowMs();
  for (;;) {
    try {
      return await lockDirectory(directory);
    } catch (error) {
      const isTaken = error instanceof BackendError && error.code === "LOCKED";
      const isLate = timeoutMs > 0 && nodeClock.nowMs() - startMs >= timeoutMs;
      if (!isTaken || isLate) throw error;
    }
    await new Promise<void>((resolve) => nodeClock.after(LOCK_RETRY_MS, resolve));
  }
}
