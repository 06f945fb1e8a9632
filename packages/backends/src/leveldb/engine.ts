import { ClassicLevel } from "classic-level";
import { toBackendError } from "../common/backend-errors.js";
import { prepareDirectory } from "../common/directory.js";
import type { Backend, Engine } from "../port.js";
import { CAPABILITIES, LeveldbBackend, type LeveldbStore } from "./backend.js";
import { verifyLogs } from "./verify-logs.js";
import { verifyTables } from "./verify-tables.js";

/** LevelDB: a log-structured merge tree with Snappy. The smallest files. */
export const engine: Engine = {
  name: "leveldb",
  capabilities: CAPABILITIES,
  async open({ directory }): Promise<Backend> {
    try {
      await prepareDirectory(directory);
      await verifyTables(directory);
      await verifyLogs(directory);
      const store: LeveldbStore = new ClassicLevel<Buffer, Buffer>(directory, {
        keyEncoding: "buffer",
        valueEncoding: "buffer",
        compression: true,
      });
      await store.open();
      return await LeveldbBackend.create(directory, store);
    } catch (error) {
      throw toBackendError(error, directory);
    }
  },
};
