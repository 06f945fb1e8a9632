import { join } from "node:path";
import {
  type Clock,
  type FileSystem,
  hex16,
  type LogIndex,
  type MemberId,
  type Term,
} from "@kvorum/base";
import type { ConfState, Snapshot } from "@kvorum/raft";
import { purgeOldest } from "../purge.js";
import { fromSystemError, StorageError } from "../storage-error.js";
import type { WalSnapshot } from "../wal/records.js";
import { encodeMembership, type SnapMember } from "./membership-json.js";
import { decodeSnapFile, encodeSnapFile } from "./snap-file.js";

/** What a snapshot says beside the engine's data. */
export interface SnapState {
  readonly index: LogIndex;
  readonly term: Term;
  readonly confState: ConfState;
  readonly members: readonly SnapMember[];
  /** Ids that may never join again; none when absent. */
  readonly removed?: readonly MemberId[];
  readonly clusterVersion?: string | undefined;
}

export interface LoadedSnap {
  readonly snapshot: Snapshot;
  readonly path: string;
}

export interface SnapSearch {
  /** The newest usable one. */
  readonly found: LoadedSnap | undefined;
  /** Files that could not be read and were renamed "<name>.broken": worth a line in the log. */
  readonly broken: readonly { readonly path: string; readonly error: StorageError }[];
}

/** How long a .snap file took, in milliseconds. */
export interface SnapTimes {
  readonly encodeMs: number;
  /** Until the file and its name were durable. */
  readonly syncMs: number;
}

export interface SnapStoreOptions {
  readonly fs: FileSystem;
  readonly directory: string;
  /** Told of each file that was saved; for the metrics. */
  readonly timing?: { readonly clock: Clock; readonly saved: (times: SnapTimes) => void };
}

/** The .snap files of a member. Kvorum starts without them; etcd up to 3.6 can't. */
export class SnapStore {
  readonly #fs: FileSystem;
  readonly #directory: string;
  readonly #timing: SnapStoreOptions["timing"];

  constructor({ fs, directory, timing }: SnapStoreOptions) {
    this.#fs = fs;
    this.#directory = directory;
    this.#timing = timing;
  }

  /**
   * Writes a .snap file, durable with its name. Its WAL record must follow, not precede it: a file
   * without a record is never used, a record without a file stops an older etcd.
   * @returns the path
   * @throws StorageError "NO_SPACE" | "IO"; what was written is removed then
   */
  async save(state: SnapState): Promise<string> {
    const { index, term, confState, members, removed = [], clusterVersion } = state;
    const { clock, saved } = this.#timing ?? {};
    const startMs = clock?.nowMs() ?? 0;
    const data = encodeMembership({ members, removed, clusterVersion });
    const path = join(this.#directory, snapName(state));
    try {
      const file = encodeSnapFile({ data, metadata: { confState, index, term } });
      const encodedMs = clock?.nowMs() ?? 0;
      await this.#fs.writeFile(path, file);
      await this.#fs.syncDirectory(this.#directory);
      if (clock) saved?.({ encodeMs: encodedMs - startMs, syncMs: clock.nowMs() - encodedMs });
      return path;
    } catch (cause) {
      await this.#fs.remove(path).catch(() => undefined);
      throw fromSystemError(cause, "write", path);
    }
  }

  /**
   * The newest file whose term and index a record of the log confirms.
   * @param valid from `readValidSnapshots`
   */
  async loadNewest(valid: readonly WalSnapshot[]): Promise<SnapSearch> {
    const broken: { path: string; error: StorageError }[] = [];
    const isConfirmed = ({ metadata }: Snapshot) =>
      valid.some(({ term, index }) => term === metadata.term && index === metadata.index);
    for (const name of await this.#namesNewestFirst()) {
      const path = join(this.#directory, name);
      try {
        const snapshot = await readSnap(this.#fs, path);
        if (isConfirmed(snapshot)) return { found: { snapshot, path }, broken };
      } catch (error) {
        if (!(error instanceof StorageError) || error.code !== "CORRUPT") throw error;
        await this.#fs.rename(path, `${path}.broken`);
        broken.push({ path, error });
      }
    }
    return { found: undefined, broken };
  }

  /**
   * Removes the oldest .snap files, and the oldest databases received from a leader (.snap.db),
   * beyond `maxSnapshots` each; 0 keeps all.
   * @param clock for the rests while a large one is freed; there are none without it
   * @returns the names removed
   */
  async purge(maxSnapshots: number, clock?: Clock): Promise<string[]> {
    const options = { fs: this.#fs, directory: this.#directory, keep: maxSnapshots, clock };
    try {
      const snaps = await purgeOldest({ ...options, suffix: ".snap" });
      return [...snaps, ...(await purgeOldest({ ...options, suffix: ".snap.db" }))];
    } catch (cause) {
      throw fromSystemError(cause, "purge snapshots in", this.#directory);
    }
  }

  /** The names sort by term, then index. */
  async #namesNewestFirst(): Promise<string[]> {
    try {
      const names = await this.#fs.list(this.#directory);
      return names.filter((name) => name.endsWith(".snap")).reverse();
    } catch (cause) {
      throw fromSystemError(cause, "list", this.#directory);
    }
  }
}

function snapName(snapshot: { readonly index: LogIndex; readonly term: Term }): string {
  return `${hex16(snapshot.term)}-${hex16(snapshot.index)}.snap`;
}

/** @throws StorageError "CORRUPT" | "IO", with the path */
export async function readSnap(fs: FileSystem, path: string): Promise<Snapshot> {
  let bytes: Buffer;
  try {
    bytes = await fs.readFile(path);
  } catch (cause) {
    throw fromSystemError(cause, "read", path);
  }
  try {
    return decodeSnapFile(bytes);
  } catch (cause) {
    if (!(cause instanceof StorageError)) throw cause;
    throw new StorageError("CORRUPT", `${path}: ${cause.message}`, { path, cause });
  }
}
