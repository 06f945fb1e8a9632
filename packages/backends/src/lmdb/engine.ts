import { toBackendError } from "../common/backend-errors.js";
import { prepareDirectory, syncDirectory } from "../common/directory.js";
import type { Backend, Engine } from "../port.js";
import { CAPABILITIES, LmdbBackend } from "./backend.js";
import { currentDataFile } from "./data-file.js";
import { openEnvironment } from "./environment.js";
import { verifyRoots } from "./verify.js";

/** LMDB: a memory-mapped copy-on-write tree. The fastest reads and commits. */
export const engine: Engine = {
  name: "lmdb",
  capabilities: CAPABILITIES,
  async open({ directory }): Promise<Backend> {
    let file = directory;
    try {
      await prepareDirectory(directory);
      file = await currentDataFile(directory);
      const structure = verifyRoots(file);
      const environment = openEnvironment(file);
      await syncDirectory(directory);
      return new LmdbBackend(directory, environment, structure);
    } catch (error) {
      throw toBackendError(error, file);
    }
  },
};
