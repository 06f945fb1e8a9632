import { compareBytes } from "@kvorum/base";

/** Half-open; without an end it goes on for ever. */
export interface KeyInterval {
  readonly start: Uint8Array;
  readonly end: Uint8Array | undefined;
}

interface Node {
  readonly interval: KeyInterval;
  isRed: boolean;
  parent: Node | undefined;
  left: Node | undefined;
  right: Node | undefined;
}

/**
 * The granted intervals in a tree of the same shape as etcd's, which matters for one question only:
 * may a user access a range that ends before it begins? It holds no key, but etcd looks for it in a
 * red-black tree whose search gives up where no sensible range could be found, so the answer depends
 * on the tree's shape. A write that reads such a range must be allowed or refused on all members
 * alike, also where some of them are etcd's. Source: etcd's pkg/adt; Cormen et al., chapter 13.
 */
export class PermissionTree {
  #root: Node | undefined;

  /** @param intervals in the order of the user's roles and the roles' permissions */
  constructor(intervals: readonly KeyInterval[]) {
    for (const interval of intervals) this.#insert(interval);
  }

  /** Whether the search finds an interval that `key` lies in. @param end lies before `key` */
  findsInverted(key: Uint8Array, end: Uint8Array): boolean {
    const search = (node: Node | undefined): boolean => {
      if (node === undefined) return false;
      const { interval } = node;
      if (compareBytes(key, interval.start) < 0) return search(node.left);
      if (interval.end === undefined || compareBytes(key, interval.end) < 0) return true;
      // Seen from an inverted range, all that begins behind its end is on the wrong side.
      if (compareBytes(interval.start, end) >= 0) return false;
      return search(node.left) || search(node.right);
    };
    return search(this.#root);
  }

  #insert(interval: KeyInterval): void {
    let parent: Node | undefined;
    let goesLeft = false;
    for (let next = this.#root; next !== undefined; ) {
      parent = next;
      goesLeft = isBefore(interval, next.interval);
      next = goesLeft ? next.left : next.right;
    }
    const node: Node = { interval, isRed: true, parent, left: undefined, right: undefined };
    if (parent === undefined) this.#root = node;
    else if (goesLeft) parent.left = node;
    else parent.right = node;
    this.#balance(node);
  }

  #balance(inserted: Node): void {
    let node = inserted;
    for (let { parent } = node; parent?.isRed; { parent } = node) {
      const grandparent = parent.parent!;
      const side = parent === grandparent.left ? "left" : "right";
      const other = side === "left" ? "right" : "left";
      const uncle = grandparent[other];
      if (uncle?.isRed) {
        uncle.isRed = false;
        parent.isRed = false;
        grandparent.isRed = true;
        node = grandparent;
        continue;
      }
      if (node === parent[other]) {
        node = parent;
        this.#rotate(node, side);
      }
      node.parent!.isRed = false;
      grandparent.isRed = true;
      this.#rotate(grandparent, other);
    }
    this.#root!.isRed = false;
  }

  /** Moves `node` down to `side`; its child of the other side takes its place. */
  #rotate(node: Node, side: "left" | "right"): void {
    const other = side === "left" ? "right" : "left";
    const child = node[other]!;
    node[other] = child[side];
    if (child[side] !== undefined) child[side].parent = node;
    child.parent = node.parent;
    if (node.parent === undefined) this.#root = child;
    else if (node === node.parent.left) node.parent.left = child;
    else node.parent.right = child;
    child[side] = node;
    node.parent = child;
  }
}

/** By start, then by end; equal ones keep their order. */
function isBefore(left: KeyInterval, right: KeyInterval): boolean {
  const byStart = compareBytes(left.start, right.start);
  if (byStart !== 0) return byStart < 0;
  if (left.end === undefined) return false;
  return right.end === undefined || compareBytes(left.end, right.end) < 0;
}
