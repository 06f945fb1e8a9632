/**
 * The storage engine port: bytes only. Reads are synchronous because the access pattern allows it:
 * a range asks the treeIndex for revisions, then looks each one up exactly. Scans are asynchronous
 * and run on a frozen view. An engine is one small class behind this interface; adding one touches
 * no other package.
 */

/** The buckets of etcd's backend, in byte order of their names. An engine creates all at open. */
export const BUCKETS = [
  "alarm",
  "auth",
  "authRoles",
  "authUsers",
  "cluster",
  "key",
  "lease",
  "members",
  "members_removed",
  "meta",
] as const;

export type Bucket = (typeof BUCKETS)[number];

/**
 * One change: `value` undefined deletes the key (which need not exist). An empty value is a value.
 */
export interface Op {
  readonly bucket: Bucket;
  /** 1 to 32,768 bytes. */
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
}

/** Half-open: `start` inclusive, `end` exclusive; undefined means no bound. Bytewise order. */
export interface ScanRange {
  readonly start?: Uint8Array | undefined;
  readonly end?: Uint8Array | undefined;
}

/**
 * Consecutive records in key order; `keys[i]` belongs to `values[i]`. Never empty. At most 4,096
 * records and, but for a single larger record, about 1 MiB. The bytes are the receiver's to keep.
 */
export interface ScanBatch {
  /**
   * The bytes of one batch may share one piece of memory, which lives as long as any of them: who
   * keeps a few of many for long copies those.
   */
  readonly keys: readonly Uint8Array[];
  readonly values: readonly Uint8Array[];
  /**
   * The same records without an object for each, from engines that have them so. `keys` and
   * `values` are then made when they are first asked for, which costs more than the rest of a scan:
   * a consumer of many records should read this when it is there.
   */
  readonly packed?: PackedRecords | undefined;
}

/** Consecutive records in one piece of memory, which is the receiver's. */
export interface PackedRecords {
  readonly count: number;
  readonly bytes: Uint8Array;
  /**
   * Three positions in `bytes` a record: where its key begins, where its value begins (the key ends
   * there), where its value ends. At least `3 * count` numbers.
   */
  readonly bounds: Uint32Array;
  /** Each key was compared with the one before it, also that of the batch before. */
  readonly inOrder?: boolean | undefined;
  /**
   * Gives the memory back, for a later batch of the scan; from engines that can use it. A reader of
   * many records who keeps no bytes should call it, once: nobody may look at the batch afterwards.
   */
  readonly recycle?: (() => void) | undefined;
}

/** Which pages a view should make of its records. */
export interface PagesRequest {
  readonly pageSize: number;
  /** Where the root bucket has to stand, if the pages before it leave room; else right behind them. */
  readonly rootPage: number | undefined;
  /** What the chunks are made in. */
  readonly memory: PagesMemory;
}

/** Memory for chunks, which comes back when they have been used. */
export interface PagesMemory {
  /** All that came back and waits. */
  takeSpare(): ArrayBuffer[];
}

/** What the meta pages of a bolt file say of the pages after them. */
export interface PagesLayout {
  readonly rootPage: number;
  readonly pageCount: number;
}

/** The store as it was when the view was taken; later commits don't show. Close it soon. */
export interface View {
  scan(bucket: Bucket, range?: ScanRange): AsyncIterable<ScanBatch>;
  /**
   * The records of all buckets as the pages of a bolt file without its two meta pages, in chunks;
   * from engines that can make them in the thread that reads. It does what `buildPages` of the bolt
   * file does with `scan`, and takes that work from the event loop.
   */
  pages?(request: PagesRequest): AsyncGenerator<Buffer, PagesLayout, undefined>;
  /** Ends the view and releases what it pinned; idempotent. Scans under way stop with an error. */
  close(): Promise<void>;
}

/** What an engine can do, declared by it; callers branch on these and never on an engine's name. */
export interface Capabilities {
  /** Committed data survive the process and power loss. */
  readonly persistent: boolean;
  /** Reads and commits go on while `defragment` runs. */
  readonly onlineDefragment: boolean;
  readonly compression: boolean;
  /** `get` returns memory of the engine: valid until the next commit settles. Else it is a copy. */
  readonly zeroCopyReads: boolean;
}

export interface BackendStat {
  /** Bytes that the engine occupies on its medium. */
  readonly sizeBytes: number;
  /** Of these, the bytes that hold live data; `sizeBytes` where the engine can't tell. */
  readonly sizeInUseBytes: number;
}

export interface DefragmentProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface Backend {
  readonly capabilities: Capabilities;

  /**
   * The committed value, or undefined. Synchronous; sees every commit that has settled and may see
   * parts of none other.
   * @throws BackendError "IO" | "CORRUPT" | "CLOSED"
   */
  get(bucket: Bucket, key: Uint8Array): Uint8Array | undefined;

  /**
   * Applies `ops` in order, atomically, and resolves once they survive power loss. Until then `get`
   * may return the old values: readers consult the write buffer first. Commits are made in call
   * order. Never blocks the event loop for long.
   * @param ops at most `COMMIT_OPS_MAX`; the array and its bytes are borrowed until the promise
   *   settles
   * @throws BackendError "IO" | "NO_SPACE" | "CORRUPT" | "CLOSED"; after the first three nothing of
   *   `ops` is kept and the store must be closed and opened again
   */
  commit(ops: readonly Op[]): Promise<void>;

  /** A frozen view that holds every commit that has settled, none half. */
  view(): Promise<View>;

  /** Cheap: called on every write for the quota. */
  stat(): BackendStat;

  /**
   * Gives unused space back to the medium. Reads and commits go on meanwhile where `capabilities`
   * says so, otherwise they wait. A call that comes meanwhile may join the one under way.
   * @param onProgress called before each step; when it throws, the defragmentation ends there and
   *   rejects, and the store goes on as it is
   * @throws BackendError "NO_SPACE" | "IO" | "CORRUPT" | "CLOSED", the last when the store is closed
   *   meanwhile, which ends it at its next step
   */
  defragment(onProgress: (progress: DefragmentProgress) => void): Promise<void>;

  /**
   * Waits for commits under way and the step of a defragmentation, then releases files and locks;
   * idempotent.
   */
  close(): Promise<void>;
}

export interface OpenOptions {
  /**
   * A directory of the engine's own; created (0700) when absent. Ignored by a non-persistent one.
   */
  readonly directory: string;
}

/**
 * What an engine module exports as `engine` (or as its default). `--backend ./my-engine.js` loads
 * one; the conformance kit of `@kvorum/backends/conformance` proves it.
 */
export interface Engine {
  /** Short and stable: written into the data directory. */
  readonly name: string;
  readonly capabilities: Capabilities;
  open(options: OpenOptions): Promise<Backend>;
}

/**
 * The most operations of one commit. A revision is committed whole, and one request may delete every
 * key of a store. An index of so many keys would take some 7 GB of memory.
 */
export const COMMIT_OPS_MAX = 50_000_000;

export type BackendErrorCode =
  | "IO" // the medium failed
  | "NO_SPACE" // the medium is full
  | "CORRUPT" // what is stored is damaged; the message names the file
  | "CLOSED" // used after close
  | "LOCKED" // another process holds the directory
  | "ENGINE" // unknown engine, or a module that is none
  | "FORMAT"; // an outside file (bolt) that breaks its format

export class BackendError extends Error {
  override readonly name = "BackendError";
  readonly code: BackendErrorCode;

  /** @param message what was wrong, with which file or value, and what to do about it */
  constructor(code: BackendErrorCode, message: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.code = code;
  }
}
