import type { Clock } from "../clock.js";
import type { File, FileStat, FileSystem, OpenMode } from "../file-system.js";
import { createPrng, type Prng } from "../prng.js";
import { type FileHost, type FileOperation, MemoryFile } from "./memory-file.js";
import { type CrashMode, MemoryFileNode } from "./memory-inode.js";
import {
  directoryAt,
  fileAt,
  findNode,
  MemoryDirectoryNode,
  type NameChange,
  occupiedBytes,
  parentOf,
  pathParts,
  systemError,
} from "./memory-tree.js";

/** An error to inject: the next matching operation fails, `times` times (1 when absent). */
export interface Fault {
  readonly operation: FileOperation;
  /** Such as "EIO" or "ENOSPC". */
  readonly code: string;
  /** Only operations on a path that contains this text. */
  readonly pathPart?: string;
  /** Matching operations to let pass first. */
  readonly skip?: number;
  readonly times?: number;
}

export interface MemoryFileSystemOptions {
  /** Decides what a torn crash keeps and how long operations take. */
  readonly seed?: number;
  /** When given, an operation takes up to `latencyMsMax` of its time; else a few microtasks. */
  readonly clock?: Clock;
  readonly latencyMsMax?: number;
  /** Size of the medium; writes beyond it fail with ENOSPC after writing what fits. */
  readonly capacityBytes?: number;
}

interface MutableFault {
  readonly fault: Fault;
  skip: number;
  times: number;
}

/**
 * A simulated file system in memory. It keeps what programs see apart from what survives power loss:
 * file content survives when it was synced (or written through a durable handle), a name when its
 * directory was synced. `crash` turns it off and returns what the next boot finds.
 *
 * The effect of an operation shows at the call; its promise settles later. A crash in between finds
 * the write unsynced: all, some or none of its sectors.
 */
export class MemoryFileSystem implements FileSystem {
  readonly #options: MemoryFileSystemOptions;
  readonly #prng: Prng;
  #live = new MemoryDirectoryNode();
  /** The names on the platter: each directory's children as of its last sync. */
  readonly #durableNames = new Map<MemoryDirectoryNode, Map<string, NameChange["node"]>>();
  /** Changes of names since, oldest first; those of one operation are one element. */
  #unsyncedNames: (readonly NameChange[])[] = [];
  #faults: MutableFault[] = [];
  #isOff = false;
  #capacityBytes: number;

  constructor(options: MemoryFileSystemOptions = {}) {
    this.#options = options;
    this.#prng = createPrng(options.seed ?? 1);
    this.#capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY;
  }

  /** The next operations that match fail. */
  inject(fault: Fault): void {
    this.#faults.push({ fault, skip: fault.skip ?? 0, times: fault.times ?? 1 });
  }

  clearFaults(): void {
    this.#faults = [];
  }

  setCapacity(bytes: number): void {
    this.#capacityBytes = bytes;
  }

  get occupiedBytes(): number {
    return occupiedBytes(this.#live);
  }

  /**
   * Loses power. Every operation under way and every later one on this object and its files fails
   * with ESHUTDOWN, as if the process were gone.
   * @param mode "drop" loses all that was not synced; "tear" keeps a random part of it, sector by
   *   sector; "keep" loses nothing (only the process died)
   * @returns the file system that the next boot finds, with the same options
   */
  crash(mode: CrashMode): MemoryFileSystem {
    this.#isOff = true;
    const next = new MemoryFileSystem({
      ...this.#options,
      seed: this.#prng.below(2 ** 32),
      capacityBytes: this.#capacityBytes,
    });
    const pending = this.#unsyncedNames.length;
    const kept = { drop: 0, tear: this.#prng.below(pending + 1), keep: pending }[mode];
    for (const changes of this.#unsyncedNames.slice(0, kept)) this.#commitNames(changes);
    next.#live = this.#copyAfterCrash(this.#live, next, mode);
    return next;
  }

  async open(path: string, mode: OpenMode): Promise<File> {
    this.#enter("open", path);
    const isDurable = mode.endsWith("-durable");
    let node: MemoryFileNode;
    if (mode.startsWith("create")) {
      if (findNode(this.#live, path)) throw systemError("EEXIST", "open", path);
      node = this.#createFile(path);
    } else {
      node = fileAt(this.#live, path, "open");
    }
    await this.#settle(path);
    return new MemoryFile(path, node, { isDurable, isWritable: mode !== "read" }, this.#host);
  }

  async readFile(path: string): Promise<Buffer> {
    this.#enter("read", path);
    const node = fileAt(this.#live, path, "read");
    const bytes = Buffer.alloc(node.sizeBytes);
    node.read(bytes, 0);
    await this.#settle(path);
    return bytes;
  }

  async writeFile(path: string, bytes: Uint8Array): Promise<void> {
    this.#enter("write", path);
    const found = findNode(this.#live, path);
    if (found instanceof MemoryDirectoryNode) throw systemError("EISDIR", "open", path);
    const node = found ?? this.#createFile(path);
    node.truncate(0);
    this.#writeWithinCapacity(node, path, bytes, 0);
    const point = node.syncPoint();
    await this.#settle(path, () => node.syncTo(point));
  }

  async list(path: string): Promise<string[]> {
    this.#enter("list", path);
    const names = [...directoryAt(this.#live, path, "scandir").children.keys()].sort();
    await this.#settle(path);
    return names;
  }

  async makeDirectory(path: string): Promise<void> {
    this.#enter("makeDirectory", path);
    let directory = this.#live;
    for (const name of pathParts(path)) {
      let child = directory.children.get(name);
      if (child === undefined) {
        child = new MemoryDirectoryNode();
        child.modifiedMs = this.#wallMs();
        this.#changeNames([{ directory, name, node: child }]);
      }
      if (child instanceof MemoryFileNode) throw systemError("ENOTDIR", "mkdir", path);
      directory = child;
    }
    await this.#settle(path);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#enter("rename", from);
    const node = findNode(this.#live, from);
    if (node === undefined) throw systemError("ENOENT", "rename", from);
    const source = parentOf(this.#live, from, "rename");
    const target = parentOf(this.#live, to, "rename");
    const replaced = target.directory.children.get(target.name);
    if (replaced instanceof MemoryDirectoryNode) {
      if (!(node instanceof MemoryDirectoryNode)) throw systemError("EISDIR", "rename", to);
      if (replaced.children.size > 0) throw systemError("ENOTEMPTY", "rename", to);
    } else if (replaced !== undefined && node instanceof MemoryDirectoryNode) {
      throw systemError("ENOTDIR", "rename", to);
    }
    this.#changeNames([
      { ...source, node: undefined },
      { ...target, node },
    ]);
    await this.#settle(from);
  }

  async remove(path: string, options?: { readonly recursive: boolean }): Promise<void> {
    this.#enter("remove", path);
    const { directory, name } = parentOf(this.#live, path, "rm");
    const node = directory.children.get(name);
    if (node === undefined) throw systemError("ENOENT", "rm", path);
    if (node instanceof MemoryDirectoryNode && !options?.recursive) {
      throw systemError("ERR_FS_EISDIR", "rm", path);
    }
    this.#changeNames([{ directory, name, node: undefined }]);
    await this.#settle(path);
  }

  async stat(path: string): Promise<FileStat | undefined> {
    this.#enter("open", path);
    const node = findNode(this.#live, path);
    await this.#settle(path);
    if (node === undefined) return undefined;
    const isDirectory = node instanceof MemoryDirectoryNode;
    return {
      sizeBytes: isDirectory ? 0 : node.sizeBytes,
      isDirectory,
      modifiedMs: node.modifiedMs,
    };
  }

  async syncDirectory(path: string): Promise<void> {
    this.#enter("syncDirectory", path);
    const directory = directoryAt(this.#live, path, "fsync");
    const pending = this.#unsyncedNames.slice();
    // A journal keeps the order: syncing one directory makes every earlier change of names durable
    // up to the last that touches it.
    const last = pending.findLastIndex((set) =>
      set.some((change) => change.directory === directory),
    );
    const synced = new Set(pending.slice(0, last + 1));
    await this.#settle(path, () => {
      for (const changes of synced) this.#commitNames(changes);
      this.#unsyncedNames = this.#unsyncedNames.filter((changes) => !synced.has(changes));
    });
  }

  readonly #host: FileHost = {
    enter: (operation, path) => this.#enter(operation, path),
    settle: (path, effect) => this.#settle(path, effect),
    write: (node, path, bytes, position) => this.#writeWithinCapacity(node, path, bytes, position),
  };

  #enter(operation: FileOperation, path: string): void {
    if (this.#isOff) throw systemError("ESHUTDOWN", operation, path);
    for (const armed of this.#faults) {
      const { fault } = armed;
      if (fault.operation !== operation || armed.times === 0) continue;
      if (fault.pathPart !== undefined && !path.includes(fault.pathPart)) continue;
      if (armed.skip-- > 0) continue;
      armed.times--;
      throw systemError(fault.code, operation, path);
    }
  }

  /** Waits, then runs `effect` in the same turn as the check that the power is still on. */
  async #settle(path: string, effect?: () => void): Promise<void> {
    const { clock, latencyMsMax = 0 } = this.#options;
    if (clock === undefined) await Promise.resolve();
    else {
      const delayMs = this.#prng.float() * latencyMsMax;
      await new Promise<void>((resolve) => clock.after(delayMs, resolve));
    }
    if (this.#isOff) throw systemError("ESHUTDOWN", "settle", path);
    effect?.();
  }

  #wallMs(): number {
    return this.#options.clock?.wallMs() ?? 0;
  }

  #createFile(path: string): MemoryFileNode {
    const { directory, name } = parentOf(this.#live, path, "open");
    const node = new MemoryFileNode();
    node.modifiedMs = this.#wallMs();
    this.#changeNames([{ directory, name, node }]);
    return node;
  }

  #writeWithinCapacity(
    node: MemoryFileNode,
    path: string,
    bytes: Uint8Array,
    position: number,
  ): void {
    node.modifiedMs = this.#wallMs();
    // Adding up the whole tree on every write is only worth it when the medium has an end.
    const spare =
      this.#capacityBytes === Number.POSITIVE_INFINITY
        ? this.#capacityBytes
        : Math.max(0, this.#capacityBytes - this.occupiedBytes);
    const fits = node.fitting(bytes.length, position, spare);
    node.write(bytes.subarray(0, fits), position);
    if (fits < bytes.length) throw systemError("ENOSPC", "write", path);
  }

  #changeNames(changes: readonly NameChange[]): void {
    for (const { directory, name, node } of changes) {
      if (node === undefined) directory.children.delete(name);
      else directory.children.set(name, node);
    }
    this.#unsyncedNames.push(changes);
  }

  #commitNames(changes: readonly NameChange[]): void {
    for (const { directory, name, node } of changes) {
      const names = this.#durableNames.get(directory) ?? new Map<string, NameChange["node"]>();
      this.#durableNames.set(directory, names);
      if (node === undefined) names.delete(name);
      else names.set(name, node);
    }
  }

  /** Copies the durable tree into `next`, in which everything is durable. */
  #copyAfterCrash(
    directory: MemoryDirectoryNode,
    next: MemoryFileSystem,
    mode: CrashMode,
  ): MemoryDirectoryNode {
    const copy = new MemoryDirectoryNode();
    copy.modifiedMs = directory.modifiedMs;
    for (const [name, node] of this.#durableNames.get(directory) ?? []) {
      if (node === undefined) continue;
      const found =
        node instanceof MemoryFileNode
          ? node.afterCrash(mode, this.#prng)
          : this.#copyAfterCrash(node, next, mode);
      copy.children.set(name, found);
    }
    next.#durableNames.set(copy, new Map(copy.children));
    return copy;
  }
}
