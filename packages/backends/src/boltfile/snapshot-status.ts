import { bytesToLatin1, type File } from "@kvorum/base";
import { BackendError } from "../port.js";
import { checkBoltFile } from "./check.js";
import { formatError } from "./format.js";
import { keyOfRecord } from "./key-of-record.js";
import { type BoltFile, readBoltFile } from "./read.js";
import { RunCrc } from "./run-crc.js";

/** What `etcdutl snapshot status` reports. */
export interface SnapshotStatus {
  /** CRC-32C over each bucket's name, then its keys and values in order. */
  readonly hash: number;
  /** Main part of the last revision in bucket `key`; 0 when it is empty. */
  readonly revision: number;
  /** Keys that are not deleted, as 3.6 and later count. */
  readonly totalKey: number;
  /** Bytes of the database, without the hash at the end. */
  readonly totalSize: number;
  /** `storageVersion`; empty when the file has none (3.5 and earlier). */
  readonly version: string;
}

const REVISION_BYTES = 17;
const TOMBSTONE_REVISION_BYTES = 18;
const TOMBSTONE_MARK = 0x74;

/**
 * Checks a snapshot (or a `db` file at rest) and sums it up. Memory grows with the number of live
 * keys, not with their values.
 * @throws BackendError "FORMAT" with etcd's text when the check finds problems; "IO"
 */
export async function snapshotStatus(file: File): Promise<SnapshotStatus> {
  const { problems } = await checkBoltFile(file);
  if (problems.length > 0) {
    const what = `snapshot file integrity check failed. ${problems.length} errors found.`;
    throw new BackendError("FORMAT", `${what}\n${problems.join("\n")}`);
  }
  const bolt = await readBoltFile(file);
  const crc = new RunCrc();
  const liveKeys = new KeySet();
  let revision = 0;
  for (const bucket of bolt.buckets) {
    crc.add(Buffer.from(bucket, "latin1"));
    for await (const { keys, values } of bolt.scan(bucket)) {
      for (let i = 0; i < keys.length; i++) {
        crc.add(keys[i]!);
        crc.add(values[i]!);
      }
      if (bucket !== "key") continue;
      for (let i = 0; i < keys.length; i++) countKey(file.path, liveKeys, keys[i]!, values[i]!);
      revision = mainRevision(keys.at(-1)!);
    }
  }
  return {
    hash: crc.digest(),
    revision,
    totalKey: liveKeys.size,
    totalSize: bolt.sizeBytes,
    version: await storageVersion(bolt),
  };
}

function countKey(path: string, live: KeySet, revision: Uint8Array, record: Uint8Array): void {
  const isTombstone =
    revision.length === TOMBSTONE_REVISION_BYTES && revision[REVISION_BYTES] === TOMBSTONE_MARK;
  if (revision.length !== REVISION_BYTES && !isTombstone) {
    const hex = Buffer.from(revision).toString("hex");
    throw formatError(path, `cannot parse revision key: (hex)${hex}`);
  }
  const key = keyOfRecord(record);
  if (key === undefined) {
    const hex = Buffer.from(revision).toString("hex");
    throw formatError(path, `cannot unmarshal value, key: (hex)${hex}`);
  }
  if (isTombstone) live.delete(key);
  else live.add(key);
}

function mainRevision(revision: Uint8Array): number {
  const view = new DataView(revision.buffer, revision.byteOffset, revision.length);
  return Number(view.getBigInt64(0));
}

async function storageVersion(bolt: BoltFile): Promise<string> {
  for await (const { keys, values } of bolt.scan("meta")) {
    for (let i = 0; i < keys.length; i++) {
      if (bytesToLatin1(keys[i]!) === "storageVersion") return bytesToLatin1(values[i]!);
    }
  }
  return "";
}

/** A set of keys in several parts, because one JavaScript `Set` ends at 2^24 entries. */
class KeySet {
  readonly #parts = Array.from({ length: 64 }, () => new Set<string>());

  get size(): number {
    return this.#parts.reduce((sum, part) => sum + part.size, 0);
  }

  add(key: Uint8Array): void {
    this.#part(key).add(bytesToLatin1(key));
  }

  delete(key: Uint8Array): void {
    this.#part(key).delete(bytesToLatin1(key));
  }

  #part(key: Uint8Array): Set<string> {
    return this.#parts[(key[key.length - 1] ?? 0) & 63]!;
  }
}
