import { createPrng, type Prng } from "@kvorum/base";

/** A half-open interval of strings; an end of "" is above every string. */
export interface Interval {
  readonly key: string;
  readonly end: string | undefined;
}

interface Node<Value extends Interval> {
  readonly value: Value;
  readonly priority: number;
  left: Node<Value> | undefined;
  right: Node<Value> | undefined;
  /** The highest end in this subtree. */
  endMax: string;
}

/**
 * Distinct intervals, asked for those that hold a string. A treap (a search tree by start and end
 * that is also a heap by random priority, hence balanced whatever the order of insertion) in which
 * each node knows the highest end below it, so that a search leaves out whole subtrees.
 * Stab: O(log n + hits) for prefixes and disjoint ranges.
 */
export class IntervalTree<Value extends Interval> {
  readonly #prng: Prng = createPrng(0x6b766f72);
  #root: Node<Value> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @param value no equal interval may be in the tree */
  insert(value: Value): void {
    const priority = this.#prng.float();
    const node = { value, priority, left: undefined, right: undefined, endMax: endOf(value) };
    this.#root = insertNode(this.#root, node);
    this.#size++;
  }

  /** @param value must be in the tree */
  remove(value: Value): void {
    this.#root = removeNode(this.#root, value);
    this.#size--;
  }

  /** The value with exactly these bounds. */
  find(interval: Interval): Value | undefined {
    let node = this.#root;
    while (node !== undefined) {
      const order = compare(interval, node.value);
      if (order === 0) return node.value;
      node = order < 0 ? node.left : node.right;
    }
    return undefined;
  }

  /** Appends every value whose interval holds `point` to `found`. */
  stab(point: string, found: Value[]): void {
    stabNode(this.#root, point, found);
  }
}

function stabNode<Value extends Interval>(
  start: Node<Value> | undefined,
  point: string,
  found: Value[],
): void {
  let node = start;
  while (node !== undefined && isAbove(node.endMax, point)) {
    stabNode(node.left, point, found);
    if (node.value.key > point) return;
    if (isAbove(endOf(node.value), point)) found.push(node.value);
    node = node.right;
  }
}

function insertNode<Value extends Interval>(
  root: Node<Value> | undefined,
  node: Node<Value>,
): Node<Value> {
  if (root === undefined) return node;
  if (compare(node.value, root.value) < 0) {
    root.left = insertNode(root.left, node);
    return root.left.priority > root.priority ? rotateRight(root) : refresh(root);
  }
  root.right = insertNode(root.right, node);
  return root.right.priority > root.priority ? rotateLeft(root) : refresh(root);
}

function removeNode<Value extends Interval>(
  root: Node<Value> | undefined,
  value: Value,
): Node<Value> | undefined {
  if (root === undefined) return undefined;
  const order = compare(value, root.value);
  if (order === 0) return merge(root.left, root.right);
  if (order < 0) root.left = removeNode(root.left, value);
  else root.right = removeNode(root.right, value);
  return refresh(root);
}

/** Joins two trees of which every interval of `left` is before every one of `right`. */
function merge<Value extends Interval>(
  left: Node<Value> | undefined,
  right: Node<Value> | undefined,
): Node<Value> | undefined {
  if (left === undefined) return right;
  if (right === undefined) return left;
  if (left.priority > right.priority) {
    left.right = merge(left.right, right);
    return refresh(left);
  }
  right.left = merge(left, right.left);
  return refresh(right);
}

function rotateRight<Value extends Interval>(root: Node<Value>): Node<Value> {
  const top = root.left!;
  root.left = top.right;
  top.right = refresh(root);
  return refresh(top);
}

function rotateLeft<Value extends Interval>(root: Node<Value>): Node<Value> {
  const top = root.right!;
  root.right = top.left;
  top.left = refresh(root);
  return refresh(top);
}

function refresh<Value extends Interval>(node: Node<Value>): Node<Value> {
  let end = endOf(node.value);
  if (node.left !== undefined) end = higherEnd(end, node.left.endMax);
  if (node.right !== undefined) end = higherEnd(end, node.right.endMax);
  node.endMax = end;
  return node;
}

function compare(left: Interval, right: Interval): number {
  if (left.key !== right.key) return left.key < right.key ? -1 : 1;
  const leftEnd = endOf(left);
  const rightEnd = endOf(right);
  if (leftEnd === rightEnd) return 0;
  return leftEnd < rightEnd ? -1 : 1;
}

function higherEnd(left: string, right: string): string {
  if (left === "" || right === "") return "";
  return left > right ? left : right;
}

function isAbove(end: string, point: string): boolean {
  return end === "" || end > point;
}

function endOf(interval: Interval): string {
  return interval.end ?? "";
}
