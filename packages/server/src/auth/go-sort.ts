/**
 * Sorts `items` in place as Go's sort.Sort does: pattern-defeating quicksort, which leaves equal
 * items in an order of its own. A role's permissions with the same key are told apart by their
 * order, so members of Kvorum and of etcd in one cluster must bring them into the same one.
 * Source: Go's package sort, since 1.19; Orson Peters, "Pattern-defeating Quicksort".
 */
export function goSort<Item>(items: Item[], isLess: (left: Item, right: Item) => boolean): void {
  const data: Data = {
    less: (i, j) => isLess(items[i]!, items[j]!),
    swap: (i, j) => {
      [items[i], items[j]] = [items[j]!, items[i]!];
    },
  };
  sortRange(data, { a: 0, b: items.length, limit: bitLength(items.length) });
}

/** The items by their places. */
interface Data {
  less(i: number, j: number): boolean;
  swap(i: number, j: number): void;
}

const INSERTION_MAX = 12;
const NINTHER_MIN = 50;
const SHIFTING_MIN = 50;
const SHIFTS_MAX = 5;
/** Of the three medians of three: all of them were the wrong way round. */
const SWAPS_MAX = 12;

function sortRange(data: Data, range: { a: number; b: number; limit: number }): void {
  let { a, b, limit } = range;
  let wasBalanced = true;
  let wasPartitioned = true;
  for (;;) {
    const length = b - a;
    if (length <= INSERTION_MAX) {
      insertionSort(data, a, b);
      return;
    }
    if (limit === 0) {
      heapSort(data, a, b);
      return;
    }
    if (!wasBalanced) {
      breakPatterns(data, a, b);
      limit--;
    }
    let { pivot, hint } = choosePivot(data, a, b);
    if (hint === "decreasing") {
      for (let i = a, j = b - 1; i < j; i++, j--) data.swap(i, j);
      pivot = b - 1 - (pivot - a);
      hint = "increasing";
    }
    const looksSorted = wasBalanced && wasPartitioned && hint === "increasing";
    if (looksSorted && partialInsertionSort(data, a, b)) return;
    if (a > 0 && !data.less(a - 1, pivot)) {
      a = partitionEqual(data, { a, b, pivot });
      continue;
    }
    const { middle, wasDone } = partition(data, { a, b, pivot });
    wasPartitioned = wasDone;
    const [left, right] = [middle - a, b - middle];
    wasBalanced = Math.min(left, right) >= Math.floor(length / 8);
    if (left < right) {
      sortRange(data, { a, b: middle, limit });
      a = middle + 1;
    } else {
      sortRange(data, { a: middle + 1, b, limit });
      b = middle;
    }
  }
}

function insertionSort(data: Data, a: number, b: number): void {
  for (let i = a + 1; i < b; i++) {
    for (let j = i; j > a && data.less(j, j - 1); j--) data.swap(j, j - 1);
  }
}

function heapSort(data: Data, a: number, b: number): void {
  const size = b - a;
  for (let i = Math.floor((size - 1) / 2); i >= 0; i--) siftDown(data, { root: i, size, first: a });
  for (let i = size - 1; i >= 0; i--) {
    data.swap(a, a + i);
    siftDown(data, { root: 0, size: i, first: a });
  }
}

function siftDown(
  data: Data,
  heap: { readonly root: number; readonly size: number; readonly first: number },
): void {
  const { size, first } = heap;
  let { root } = heap;
  for (;;) {
    let child = 2 * root + 1;
    if (child >= size) return;
    if (child + 1 < size && data.less(first + child, first + child + 1)) child++;
    if (!data.less(first + root, first + child)) return;
    data.swap(first + root, first + child);
    root = child;
  }
}

interface Partition {
  readonly a: number;
  readonly b: number;
  readonly pivot: number;
}

/** Brings what is less than the pivot before it; `wasDone`: it stood there already. */
function partition(data: Data, { a, b, pivot }: Partition) {
  data.swap(a, pivot);
  let i = a + 1;
  let j = b - 1;
  let wasDone = true;
  for (;;) {
    while (i <= j && data.less(i, a)) i++;
    while (i <= j && !data.less(j, a)) j--;
    if (i > j) break;
    data.swap(i++, j--);
    wasDone = false;
  }
  data.swap(j, a);
  return { middle: j, wasDone };
}

/** Brings what equals the pivot, the least of all, to the front; returns where that ends. */
function partitionEqual(data: Data, { a, b, pivot }: Partition): number {
  data.swap(a, pivot);
  let i = a + 1;
  let j = b - 1;
  for (;;) {
    while (i <= j && !data.less(a, i)) i++;
    while (i <= j && data.less(a, j)) j--;
    if (i > j) return i;
    data.swap(i++, j--);
  }
}

/** Repairs a few items that are out of order; true when all is sorted then. */
function partialInsertionSort(data: Data, a: number, b: number): boolean {
  let i = a + 1;
  for (let shifts = 0; shifts < SHIFTS_MAX; shifts++) {
    while (i < b && !data.less(i, i - 1)) i++;
    if (i === b) return true;
    if (b - a < SHIFTING_MIN) return false;
    data.swap(i, i - 1);
    if (i - a >= 2) {
      for (let j = i - 1; j >= 1 && data.less(j, j - 1); j--) data.swap(j, j - 1);
    }
    if (b - i >= 2) {
      for (let j = i + 1; j < b && data.less(j, j - 1); j++) data.swap(j, j - 1);
    }
  }
  return false;
}

/** Scatters some items, by numbers that depend on the length alone. */
function breakPatterns(data: Data, a: number, b: number): void {
  const length = b - a;
  const mask = (1n << BigInt(bitLength(length))) - 1n;
  const place = a + Math.floor(length / 4) * 2 - 1;
  let random = BigInt(length);
  for (let i = 0; i < 3; i++) {
    random = BigInt.asUintN(64, random ^ (random << 13n));
    random ^= random >> 7n;
    random = BigInt.asUintN(64, random ^ (random << 17n));
    let other = Number(random & mask);
    if (other >= length) other -= length;
    data.swap(place + i, a + other);
  }
}

function choosePivot(
  data: Data,
  a: number,
  b: number,
): { pivot: number; hint: "increasing" | "decreasing" | "unknown" } {
  const quarter = Math.floor((b - a) / 4);
  let swaps = 0;
  const median = (first: number, second: number, third: number): number => {
    let [low, middle, high] = [first, second, third];
    const order = (isSwapped: boolean) => {
      if (isSwapped) swaps++;
      return isSwapped;
    };
    if (order(data.less(middle, low))) [low, middle] = [middle, low];
    if (order(data.less(high, middle))) [middle, high] = [high, middle];
    if (order(data.less(middle, low))) [low, middle] = [middle, low];
    return middle;
  };
  let places = [a + quarter, a + quarter * 2, a + quarter * 3];
  if (b - a >= NINTHER_MIN) places = places.map((at) => median(at - 1, at, at + 1));
  const pivot = median(places[0]!, places[1]!, places[2]!);
  const hint = swaps === 0 ? "increasing" : swaps === SWAPS_MAX ? "decreasing" : "unknown";
  return { pivot, hint };
}

/** Binary digits of a positive number. */
function bitLength(value: number): number {
  return 32 - Math.clz32(value);
}
