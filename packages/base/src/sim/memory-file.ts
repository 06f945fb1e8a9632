import type { File } from "../file-system.js";
import type { MemoryFileNode } from "./memory-inode.js";
import { systemError } from "./memory-tree.js";

/** An open handle of the simulated file system. */
export class MemoryFile implements File {
  readonly path: string;
  readonly #node: MemoryFileNode;
  readonly #access: { readonly isDurable: boolean; readonly isWritable: boolean };
  readonly #host: FileHost;
  #isClosed = false;

  constructor(
    path: string,
    node: MemoryFileNode,
    access: { readonly isDurable: boolean; readonly isWritable: boolean },
    host: FileHost,
  ) {
    this.path = path;
    this.#node = node;
    this.#access = access;
    this.#host = host;
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    this.#enter("write");
    if (!this.#access.isWritable) throw systemError("EBADF", "write", this.path);
    this.#host.write(this.#node, this.path, bytes, position);
    await this.#host.settle(this.path, () => {
      if (this.#access.isDurable && bytes.length > 0) this.#node.syncRange(position, bytes.length);
    });
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    this.#enter("read");
    const count = this.#node.read(into, position);
    await this.#host.settle(this.path);
    return count;
  }

  async truncate(sizeBytes: number): Promise<void> {
    this.#enter("truncate");
    if (!this.#access.isWritable) throw systemError("EINVAL", "ftruncate", this.path);
    this.#node.truncate(sizeBytes);
    await this.#host.settle(this.path);
  }

  async sync(): Promise<void> {
    this.#enter("sync");
    const point = this.#node.syncPoint();
    await this.#host.settle(this.path, () => this.#node.syncTo(point));
  }

  async sizeBytes(): Promise<number> {
    this.#enter("read");
    await this.#host.settle(this.path);
    return this.#node.sizeBytes;
  }

  async close(): Promise<void> {
    this.#enter("read");
    this.#isClosed = true;
  }

  #enter(operation: FileOperation): void {
    if (this.#isClosed) throw systemError("EBADF", operation, this.path);
    this.#host.enter(operation, this.path);
  }
}

export type FileOperation =
  | "open"
  | "read"
  | "write"
  | "truncate"
  | "sync"
  | "list"
  | "rename"
  | "remove"
  | "makeDirectory"
  | "syncDirectory";

/** What a file asks of its file system. */
export interface FileHost {
  enter(operation: FileOperation, path: string): void;
  settle(path: string, effect?: () => void): Promise<void>;
  write(node: MemoryFileNode, path: string, bytes: Uint8Array, position: number): void;
}
