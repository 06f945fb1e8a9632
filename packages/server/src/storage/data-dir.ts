import { dirname, join } from "node:path";
import { type DirectoryLock, lockDirectory } from "@kvorum/backends";
import type { FileSystem } from "@kvorum/base";
import { fromSystemError, StorageError } from "./storage-error.js";
import { hasWal } from "./wal/read-wal.js";

/** A data directory in the hands of this process. */
export interface DataDir extends DataDirPaths {
  /** True when a member ran here before. */
  readonly hasWal: boolean;
  /** Gives the directory free for another process; idempotent. */
  release(): Promise<void>;
}

/** Where the files of a member stand. */
export interface DataDirPaths {
  readonly path: string;
  readonly memberDirectory: string;
  readonly engineDirectory: string;
  readonly walDirectory: string;
  readonly snapDirectory: string;
  readonly engineFile: string;
}

export interface OpenDataDirOptions {
  readonly fs: FileSystem;
  readonly dataDir: string;
  /** Replaces "<data-dir>/member/wal" (--wal-dir). */
  readonly walDir?: string | undefined;
  /** The name of the storage engine (--backend). */
  readonly engine: string;
  /** Keeps other processes out; `lockDirectory` when absent. A simulated file system needs none. */
  readonly lock?: (directory: string) => Promise<DirectoryLock>;
}

/** Version of engine.json's form. */
const ENGINE_FILE_VERSION = 1;

/**
 * Takes the data directory for this process: makes the directories that are missing (0700), makes
 * sure that the data belong to `engine`, and holds the lock until `release`. The log is not created,
 * as its presence says that the member has started once.
 * @throws StorageError "WRONG_ENGINE" | "FOREIGN_DATA" | "CORRUPT" | "NO_SPACE" | "IO"; no data were
 *   changed by the first three. What `lock` throws when another process holds the directory.
 */
export async function openDataDir(options: OpenDataDirOptions): Promise<DataDir> {
  const { fs, dataDir, walDir, engine, lock = lockDirectory } = options;
  const paths = dataDirPaths(dataDir, walDir);
  try {
    await refuseForeignData(fs, paths, engine);
    await fs.makeDirectory(paths.memberDirectory);
  } catch (cause) {
    throw fromSystemError(cause, "prepare the data directory", dataDir);
  }
  const held = await lock(paths.memberDirectory);
  try {
    const isRestart = await prepare(fs, paths, engine);
    return { ...paths, hasWal: isRestart, release: () => held.release() };
  } catch (cause) {
    await held.release();
    throw fromSystemError(cause, "prepare the data directory", dataDir);
  }
}

/** @returns whether a member ran here before */
async function prepare(fs: FileSystem, paths: DataDirPaths, engine: string): Promise<boolean> {
  const owner = await readEngineFile(fs, paths);
  const isRestart = await hasWal(fs, paths.walDirectory);
  if (owner !== undefined && owner !== engine) throw wrongEngine(paths, owner, engine);
  if (owner === undefined && isRestart) throw unknownEngine(paths);
  await fs.makeDirectory(paths.snapDirectory);
  await fs.makeDirectory(paths.engineDirectory);
  await fs.makeDirectory(dirname(paths.walDirectory));
  if (owner === undefined) await writeEngineFile(fs, paths, engine);
  await fs.syncDirectory(paths.memberDirectory);
  await fs.syncDirectory(paths.path);
  return isRestart;
}

/**
 *     <data-dir>/member/engine.json    {"engine":"lmdb","version":1}
 *                       lock           held while a process uses the directory
 *                       db/            the engine's files
 *                       wal/           the log, unless --wal-dir names another place
 *                       snap/          .snap files, databases on their way in
 */
export function dataDirPaths(path: string, walDir?: string | undefined): DataDirPaths {
  const memberDirectory = join(path, "member");
  return {
    path,
    memberDirectory,
    engineDirectory: join(memberDirectory, "db"),
    walDirectory: walDir === undefined || walDir === "" ? join(memberDirectory, "wal") : walDir,
    snapDirectory: join(memberDirectory, "snap"),
    engineFile: join(memberDirectory, "engine.json"),
  };
}

/**
 * The engine that owns a data dir; undefined when none does yet.
 * @throws StorageError "CORRUPT" | "IO"
 */
export async function engineOf(fs: FileSystem, dataDir: string): Promise<string | undefined> {
  const paths = dataDirPaths(dataDir);
  try {
    return await readEngineFile(fs, paths);
  } catch (cause) {
    throw fromSystemError(cause, "read", paths.engineFile);
  }
}

/** etcd keeps its bbolt file where Kvorum has nothing. */
async function refuseForeignData(
  fs: FileSystem,
  paths: DataDirPaths,
  engine: string,
): Promise<void> {
  const database = join(paths.snapDirectory, "db");
  const found = await fs.stat(database);
  if (found === undefined || found.isDirectory) return;
  const message =
    `${paths.path} is the data directory of an etcd member (${database} is a bbolt file). ` +
    "To move its data here, save a snapshot from the running etcd (etcdctl snapshot save FILE), " +
    `restore it into a new directory (kvorumutl snapshot restore FILE --backend ${engine} ` +
    "--data-dir DIR), and start there. Nothing was changed.";
  throw new StorageError("FOREIGN_DATA", message, { path: database });
}

async function readEngineFile(
  fs: FileSystem,
  { engineFile }: DataDirPaths,
): Promise<string | undefined> {
  if ((await fs.stat(engineFile)) === undefined) return undefined;
  const text = (await fs.readFile(engineFile)).toString("utf8");
  let content: { readonly engine?: unknown; readonly version?: unknown };
  try {
    content = JSON.parse(text) as typeof content;
  } catch (cause) {
    throw damagedEngineFile(engineFile, `holds no JSON: ${JSON.stringify(text)}`, cause);
  }
  if (content.version !== ENGINE_FILE_VERSION) {
    const found = JSON.stringify(content.version);
    const what = `has version ${found}, ${ENGINE_FILE_VERSION} was expected`;
    throw damagedEngineFile(engineFile, `${what}: was it written by a newer Kvorum?`);
  }
  if (typeof content.engine !== "string" || content.engine === "") {
    throw damagedEngineFile(engineFile, "names no engine");
  }
  return content.engine;
}

/** In one step, so that no start ever finds half of it. */
async function writeEngineFile(
  fs: FileSystem,
  { engineFile }: DataDirPaths,
  engine: string,
): Promise<void> {
  const temporary = `${engineFile}.tmp`;
  const text = `${JSON.stringify({ engine, version: ENGINE_FILE_VERSION })}\n`;
  await fs.writeFile(temporary, Buffer.from(text));
  await fs.rename(temporary, engineFile);
}

function wrongEngine(paths: DataDirPaths, owner: string, engine: string): StorageError {
  const message =
    `${paths.path} holds data of the storage engine "${owner}", but --backend is ` +
    `"${engine}". Start with --backend ${owner}; or, to change the engine, save a snapshot ` +
    "(kvorumctl snapshot save FILE) and restore it into a new directory " +
    `(kvorumutl snapshot restore FILE --backend ${engine} --data-dir DIR). Nothing was changed.`;
  return new StorageError("WRONG_ENGINE", message, { path: paths.engineFile });
}

function unknownEngine(paths: DataDirPaths): StorageError {
  const message =
    `${paths.walDirectory} holds a log, but ${paths.engineFile} is missing, so the storage engine of the ` +
    "data is unknown. If the log belongs to another data directory, name another --wal-dir; if " +
    "the file was lost, write it again. Nothing was changed.";
  return new StorageError("WRONG_ENGINE", message, { path: paths.engineFile });
}

function damagedEngineFile(path: string, what: string, cause?: unknown): StorageError {
  const message = `${path} ${what}; it should be {"engine":"NAME","version":${ENGINE_FILE_VERSION}}`;
  return new StorageError("CORRUPT", message, { path, cause });
}
