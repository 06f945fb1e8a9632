import { join } from "node:path";
import { toBackendError } from "../common/backend-errors.js";
import { prepareDirectory, syncDirectory } from "../common/directory.js";
import type { Backend, Engine } from "../port.js";
import { CAPABILITIES, SqliteBackend } from "./backend.js";
import { Committer } from "./committer.js";
import { openConnection } from "./connection.js";
import { verifyWal } from "./verify-wal.js";

/** SQLite: one file that every tool can open. */
export const engine: Engine = {
  name: "sqlite",
  capabilities: CAPABILITIES,
  async open({ directory }): Promise<Backend> {
    const file = join(directory, "data.sqlite");
    let committer: Committer | undefined;
    try {
      await prepareDirectory(directory);
      await verifyWal(`${file}-wal`);
      committer = new Committer(file);
      // The worker creates the tables before it answers.
      const stat = await committer.ready();
      await syncDirectory(directory);
      return new SqliteBackend({ file, committer, stat, connection: openConnection(file) });
    } catch (error) {
      await committer?.close();
      throw toBackendError(error, file);
    }
  },
};
