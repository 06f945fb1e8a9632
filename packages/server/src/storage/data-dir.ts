import { dirname, join } from "node:path";
import { type DirectoryLock, lockDirectory } from "@kvorum/backends";
import type { FileSystem } from "@kvorum/base";
import { type DataDirPaths, dataDirPaths, FIRST_ENGINE_DIRECTORY } from "./data-dir-paths.js";
import { keepEtcdOut, refuseForeignData } from "./foreign-data.js";
import { fromSystemError, StorageError } from "./storage-error.js";
import { hasWal } from "./wal/read-wal.js";

/** A data directory in the hands of this process. */
export interface DataDir extends DataDirPaths {
  /** True when a member ran here before. */
  readonly hasWal: boolean;
  /**
   * The engine's files stand in another directory, `name` beside the present one, from the next
   * start on; the present one may be removed then. In one step, durable.
   */
  useEngineDirectory(name: string): Promise<void>;
  /** Gives the directory free for another process; idempotent. */
  release(): Promise<void>;
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

/** What an advice names where no engine was chosen. */
const DEFAULT_ENGINE = "lmdb";

const ENGINE_DIRECTORY = /^db(-[0-9a-f]+)?$/;

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
    const { isRestart, directory } = await prepare(fs, paths, engine);
    return {
      ...paths,
      engineDirectory: join(paths.memberDirectory, directory),
      hasWal: isRestart,
      async useEngineDirectory(name) {
        await writeEngineFile(fs, paths, { engine, directory: name });
        await fs.syncDirectory(paths.memberDirectory);
      },
      release: () => held.release(),
    };
  } catch (cause) {
    await held.release();
    throw fromSystemError(cause, "prepare the data directory", dataDir);
  }
}

/**
 * The storage engine whose data a directory holds; undefined when it holds no member's.
 * @throws StorageError "FOREIGN_DATA" | "CORRUPT" | "IO"
 */
export async function engineOf(fs: FileSystem, dataDir: string): Promise<string | undefined> {
  const paths = dataDirPaths(dataDir);
  try {
    const content = await readEngineFile(fs, paths);
    if (content === undefined) await refuseForeignData(fs, paths, DEFAULT_ENGINE);
    return content?.engine;
  } catch (cause) {
    throw fromSystemError(cause, "read the data directory", dataDir);
  }
}

/** @returns whether a member ran here before, and the name of the engine's directory */
async function prepare(
  fs: FileSystem,
  paths: DataDirPaths,
  engine: string,
): Promise<{ readonly isRestart: boolean; readonly directory: string }> {
  const content = await readEngineFile(fs, paths);
  const owner = content?.engine;
  const directory = content?.directory ?? FIRST_ENGINE_DIRECTORY;
  const isRestart = await hasWal(fs, paths.walDirectory);
  if (owner !== undefined && owner !== engine) throw wrongEngine(paths, owner, engine);
  if (owner === undefined && isRestart) throw unknownEngine(paths);
  await fs.makeDirectory(paths.snapDirectory);
  await keepEtcdOut(fs, paths);
  await removeUnusedEngineDirectories(fs, paths, directory);
  await fs.makeDirectory(join(paths.memberDirectory, directory));
  await fs.makeDirectory(dirname(paths.walDirectory));
  if (owner === undefined) await writeEngineFile(fs, paths, { engine, directory });
  await fs.syncDirectory(paths.memberDirectory);
  await fs.syncDirectory(paths.path);
  return { isRestart, directory };
}

/** Left behind when the process ended while a snapshot of the leader was being taken over. */
async function removeUnusedEngineDirectories(
  fs: FileSystem,
  { memberDirectory }: DataDirPaths,
  used: string,
): Promise<void> {
  for (const name of await fs.list(memberDirectory)) {
    const isEngineDirectory =
      name === FIRST_ENGINE_DIRECTORY || name.startsWith(`${FIRST_ENGINE_DIRECTORY}-`);
    if (isEngineDirectory && name !== used) {
      await fs.remove(join(memberDirectory, name), { recursive: true });
    }
  }
}

/** What engine.json says: whose files, and where they stand. */
interface EngineFile {
  readonly engine: string;
  /** A name in the member's directory. */
  readonly directory: string;
}

async function readEngineFile(
  fs: FileSystem,
  { engineFile }: DataDirPaths,
): Promise<EngineFile | undefined> {
  if ((await fs.stat(engineFile)) === undefined) return undefined;
  const text = (await fs.readFile(engineFile)).toString("utf8");
  let content: { engine?: unknown; version?: unknown; directory?: unknown };
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
  const { engine, directory = FIRST_ENGINE_DIRECTORY } = content;
  if (typeof directory !== "string" || !ENGINE_DIRECTORY.test(directory)) {
    throw damagedEngineFile(engineFile, `names no directory: ${JSON.stringify(directory)}`);
  }
  return { engine, directory };
}

/** In one step, so that no start ever finds half of it. */
async function writeEngineFile(
  fs: FileSystem,
  { engineFile }: DataDirPaths,
  { engine, directory }: EngineFile,
): Promise<void> {
  const temporary = `${engineFile}.tmp`;
  const place = directory === FIRST_ENGINE_DIRECTORY ? {} : { directory };
  const text = `${JSON.stringify({ engine, version: ENGINE_FILE_VERSION, ...place })}\n`;
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
