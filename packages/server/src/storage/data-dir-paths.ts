import { join } from "node:path";

/** Where the files of a member stand. */
export interface DataDirPaths {
  readonly path: string;
  readonly memberDirectory: string;
  readonly engineDirectory: string;
  readonly walDirectory: string;
  readonly snapDirectory: string;
  readonly engineFile: string;
}

/** Where the engine's files stand until a snapshot of the leader replaces them. */
export const FIRST_ENGINE_DIRECTORY = "db";

/**
 *     <data-dir>/member/engine.json    {"engine":"lmdb","version":1}
 *                       lock           held while a process uses the directory
 *                       db/            the engine's files
 *                       wal/           the log, unless --wal-dir names another place
 *                       snap/          .snap files, databases on their way in, and db, a text
 *                                      that keeps etcd out
 */
export function dataDirPaths(path: string, walDir?: string | undefined): DataDirPaths {
  const memberDirectory = join(path, "member");
  return {
    path,
    memberDirectory,
    engineDirectory: join(memberDirectory, FIRST_ENGINE_DIRECTORY),
    walDirectory: walDir === undefined || walDir === "" ? join(memberDirectory, "wal") : walDir,
    snapDirectory: join(memberDirectory, "snap"),
    engineFile: join(memberDirectory, "engine.json"),
  };
}
