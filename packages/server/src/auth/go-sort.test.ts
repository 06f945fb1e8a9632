import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { goSort } from "./go-sort.js";

interface Item {
  readonly key: number;
  readonly id: number;
}

/** What Go 1.26 made of the same items: a number, and digests of the ids in their final order. */
const GOLDEN = [
  [1, "5691425facbd", "a1002f575c70", "cd1e6887751f"],
  [2, "5691425facbd", "a1002f575c70", "c5f61e4c092a"],
  [3, "24d3bd799438", "98d1b5e07d62", "88a916ba11ab"],
  [5, "44a3e3c014ed", "6978ac17beaa", "74ac28aaa239"],
  [50, "b2b1ab9ce8d9", "0b8ea9554193", "cf455bc2b3fa"],
] as const;

function sorted(items: Item[]): Item[] {
  goSort(items, (left, right) => left.key < right.key);
  return items;
}

function digest(items: readonly Item[]): string {
  const ids = items.map(({ id }) => id).join(",");
  return createHash("sha256").update(ids).digest("hex").slice(0, 12);
}

test.each(GOLDEN)(
  "equal items stand as Go leaves them (%i)",
  (number, grown, whole, descending) => {
    const item = (id: number): Item => ({ key: (id * id * 31 + id * 7) % number, id });
    const list: Item[] = [];
    for (let id = 0; id < 200; id++) {
      list.push(item(id));
      sorted(list);
    }
    expect(digest(list)).toBe(grown);
    expect(digest(sorted(Array.from({ length: 1000 }, (_, id) => item(id))))).toBe(whole);
    const falling = (id: number): Item => ({ key: Math.floor((1000 - id) / number), id });
    const fallen = sorted(Array.from({ length: 1000 }, (_, id) => falling(id)));
    expect(digest(fallen)).toBe(descending);
  },
);
