import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { toBackendError } from "../common/backend-errors.js";
import { CommitThread } from "../common/commit-thread.js";
import { prepareDirectory, syncDirectory } from "../common/directory.js";
import { ScanThread } from "../common/scan-thread.js";
import type { Backend, Engine } from "../port.js";
import { CAPABILITIES, SqliteBackend } from "./backend.js";
import { type Connection, openConnection } from "./connection.js";
import type { Committer } from "./messages.js";
import { verifyWal } from "./verify-wal.js";

/** SQLite: one file that every tool can open. */
export const engine: Engine = {
  name: "sqlite",
  capabilities: CAPABILITIES,
  async open({ directory }): Promise<Backend> {
    const file = join(directory, "data.sqlite");
    let committer: Committer | undefined;
    let scans: ScanThread | undefined;
    let descriptor: number | undefined;
    let connection: Connection | undefined;
    try {
      await prepareDirectory(directory);
      await verifyWal(`${file}-wal`);
      committer = new CommitThread({
        // The built file from both the sources and the build: a worker can't run TypeScript.
        script: new URL("../../dist/sqlite/worker.js", import.meta.url),
        workerData: { file },
        file,
      });
      // A store is scanned as soon as it is open; the thread gets ready meanwhile.
      scans = new ScanThread({
        script: new URL("../../dist/sqlite/scan-worker.js", import.meta.url),
        workerData: { file },
        file,
        reusesMemory: true,
      });
      // The worker creates the tables before it answers.
      const stat = await committer.ask("open");
      await syncDirectory(directory);
      descriptor = openSync(file, "r");
      connection = openConnection(file);
      return new SqliteBackend({ file, descriptor, committer, scans, stat, connection });
    } catch (error) {
      await scans?.close();
      connection?.close();
      await committer?.close();
      if (descriptor !== undefined) closeSync(descriptor);
      throw toBackendError(error, file);
    }
  },
};
