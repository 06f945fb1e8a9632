import type { Backend } from "@kvorum/backends";
import type { MemberOptions } from "../member-options.js";

/**
 * Gives the engine's unused space back before the member serves, when that is at least
 * `defragmentAtStartBytes`. Until then nobody waits for an engine that can't serve meanwhile.
 * Counterpart: etcd's maybeDefragBackend.
 * @throws BackendError
 */
export async function defragmentAtStart(
  backend: Pick<Backend, "stat" | "defragment">,
  options: Pick<MemberOptions, "defragmentAtStartBytes" | "clock" | "logger">,
): Promise<void> {
  const { defragmentAtStartBytes = 0, clock, logger } = options;
  if (defragmentAtStartBytes === 0) return;
  const { sizeBytes, sizeInUseBytes } = backend.stat();
  const fields = {
    "current-db-size-bytes": sizeBytes,
    "current-db-size-in-use-bytes": sizeInUseBytes,
    "bootstrap-defrag-threshold-bytes": defragmentAtStartBytes,
  };
  if (sizeBytes - sizeInUseBytes < defragmentAtStartBytes) {
    logger.info("Skipping defragmentation", fields);
    return;
  }
  logger.info("starting defragment", fields);
  const startMs = clock.nowMs();
  await backend.defragment(() => {});
  const after = backend.stat();
  logger.info("finished defragment", {
    "current-db-size-bytes": after.sizeBytes,
    "current-db-size-in-use-bytes": after.sizeInUseBytes,
    took: `${(clock.nowMs() - startMs).toFixed(0)}ms`,
  });
}
