import { join } from "node:path";
import type { FileSystem } from "@kvorum/base";
import type { DataDirPaths } from "./data-dir-paths.js";
import { StorageError } from "./storage-error.js";

/**
 * Where etcd keeps its bbolt file, a member of Kvorum has a text. etcd takes it for a damaged
 * database and ends, naming the file, before it touches anything; without the file it would found
 * a database of its own and replay the log into it.
 */
const KEEP_OUT = `This is the data directory of a Kvorum member: there is no etcd database in it.
To move the data to etcd, save a snapshot from the running member
(kvorumctl snapshot save FILE), restore it into a new directory
(etcdutl snapshot restore FILE --data-dir DIR), and start etcd there.
Leave this file here: it keeps etcd from starting on this directory.
`;
/** What tells the file, also when a later release words the rest differently. */
const FIRST_WORDS = "This is the data directory of a Kvorum member";
/** A bbolt file has four pages at least, so a larger file need not be read. */
const TEXT_BYTES_MAX = 4096;

/** @throws StorageError "FOREIGN_DATA" for the directory of an etcd member */
export async function refuseForeignData(
  fs: FileSystem,
  paths: DataDirPaths,
  engine: string,
): Promise<void> {
  const database = join(paths.snapDirectory, "db");
  const found = await fs.stat(database);
  if (found === undefined || found.isDirectory) return;
  if (found.sizeBytes <= TEXT_BYTES_MAX) {
    const text = (await fs.readFile(database)).toString("utf8");
    if (text.startsWith(FIRST_WORDS)) return;
  }
  const message =
    `${paths.path} is the data directory of an etcd member (${database} is a bbolt file). ` +
    "To move its data here, save a snapshot from the running etcd (etcdctl snapshot save FILE), " +
    `restore it into a new directory (kvorumutl snapshot restore FILE --backend ${engine} ` +
    "--data-dir DIR), and start there. Nothing was changed.";
  throw new StorageError("FOREIGN_DATA", message, { path: database });
}

/** Makes etcd refuse the directory. In one step: half a text would be taken for etcd's. */
export async function keepEtcdOut(fs: FileSystem, { snapDirectory }: DataDirPaths): Promise<void> {
  const place = join(snapDirectory, "db");
  if ((await fs.stat(place)) !== undefined) return;
  // Its name is that of the files which a start removes.
  const temporary = join(snapDirectory, "tmp-db");
  await fs.writeFile(temporary, Buffer.from(KEEP_OUT));
  await fs.rename(temporary, place);
  await fs.syncDirectory(snapDirectory);
}
