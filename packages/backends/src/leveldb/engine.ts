import { toBackendError } from "../common/backend-errors.js";
import { prepareDirectory } from "../common/directory.js";
import { LEVELDB_VERIFY_TABLES_MAX } from "../limits.js";
import { type Backend, BackendError, type Engine } from "../port.js";
import { CAPABILITIES, LeveldbBackend } from "./backend.js";
import { readLiveFiles } from "./manifest.js";
import { openStore } from "./open-store.js";
import type { OpenTable } from "./table-format.js";
import { verifyLogs } from "./verify-logs.js";
import { closeTables, openTables, verifyTables } from "./verify-tables.js";

/** LevelDB: a log-structured merge tree with Snappy. The smallest files. */
export const engine: Engine = {
  name: "leveldb",
  capabilities: CAPABILITIES,
  async open({ directory }): Promise<Backend> {
    let tables: OpenTable[] = [];
    try {
      await prepareDirectory(directory);
      const live = await readLiveFiles(directory);
      if (live !== undefined) {
        tables = await openTables(directory, live);
        const isLater = tables.length <= LEVELDB_VERIFY_TABLES_MAX;
        for (const _ of verifyTables(tables, isLater ? ["small"] : ["small", "large"]));
        await verifyLogs(directory, live);
        if (!isLater) closeTables(tables.splice(0));
      }
      return await LeveldbBackend.create(directory, await openStore(directory), tables);
    } catch (error) {
      closeTables(tables);
      throw explainOpen(toBackendError(error, directory), directory);
    }
  },
};

/** A damaged name in CURRENT or the manifest shows as a file that isn't there. */
function explainOpen(error: BackendError, directory: string): BackendError {
  if (error.code !== "IO" || !/no such file|invalid argument|is a directory/i.test(error.message)) {
    return error;
  }
  return new BackendError(
    "CORRUPT",
    `${directory}: a file that the store names is missing, or its name is damaged; restore this ` +
      `member from a snapshot or from its peers: ${error.message}`,
    { cause: error },
  );
}
