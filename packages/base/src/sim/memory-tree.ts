import { MemoryFileNode } from "./memory-inode.js";

export class MemoryDirectoryNode {
  readonly children = new Map<string, MemoryNode>();
  modifiedMs = 0;
}

export type MemoryNode = MemoryFileNode | MemoryDirectoryNode;

/** One name set to a node, or removed. */
export interface NameChange {
  readonly directory: MemoryDirectoryNode;
  readonly name: string;
  readonly node: MemoryNode | undefined;
}

/** An error with the shape of Node's own. */
export function systemError(code: string, operation: string, path: string): Error {
  return Object.assign(new Error(`${code}: simulated, ${operation} '${path}'`), {
    code,
    syscall: operation,
    path,
  });
}

export function pathParts(path: string): string[] {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return parts;
}

/** @returns undefined when nothing stands at the path */
export function findNode(root: MemoryDirectoryNode, path: string): MemoryNode | undefined {
  let node: MemoryNode | undefined = root;
  for (const part of pathParts(path)) {
    if (!(node instanceof MemoryDirectoryNode)) return undefined;
    node = node.children.get(part);
  }
  return node;
}

export function directoryAt(
  root: MemoryDirectoryNode,
  path: string,
  operation: string,
): MemoryDirectoryNode {
  const node = findNode(root, path);
  if (node === undefined) throw systemError("ENOENT", operation, path);
  if (!(node instanceof MemoryDirectoryNode)) throw systemError("ENOTDIR", operation, path);
  return node;
}

export function fileAt(root: MemoryDirectoryNode, path: string, operation: string): MemoryFileNode {
  const node = findNode(root, path);
  if (node === undefined) throw systemError("ENOENT", operation, path);
  if (!(node instanceof MemoryFileNode)) throw systemError("EISDIR", operation, path);
  return node;
}

/** The directory that holds the last part of `path`, and that part. */
export function parentOf(
  root: MemoryDirectoryNode,
  path: string,
  operation: string,
): { readonly directory: MemoryDirectoryNode; readonly name: string } {
  const parts = pathParts(path);
  const name = parts.pop();
  if (name === undefined) throw systemError("EINVAL", operation, path);
  return { directory: directoryAt(root, parts.join("/"), operation), name };
}

export function occupiedBytes(directory: MemoryDirectoryNode): number {
  let sum = 0;
  for (const node of directory.children.values()) {
    sum += node instanceof MemoryFileNode ? node.occupiedBytes : occupiedBytes(node);
  }
  return sum;
}
