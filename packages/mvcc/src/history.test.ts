import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type OpenedStore, openStore } from "./testing/open-store.js";
import { deleteOf, op, plain, putOf, txnOf } from "./testing/requests.js";
import type { RevisionEvents } from "./types.js";

let opened: OpenedStore;
beforeEach(async () => {
  opened = await openStore();
});
afterEach(() => opened.close());

function write(): void {
  const { store } = opened;
  store.put(putOf("a", "1")); // 2
  store.txn(txnOf([op.put(putOf("a", "2")), op.put(putOf("b", "1"))])); // 3
  store.deleteRange(deleteOf({ key: "a" })); // 4
  store.put(putOf("c", "1")); // 5
}

const names = (revisions: readonly RevisionEvents[]): string[] =>
  revisions.flatMap(({ main, events }) =>
    events.map(({ type, key, revision, kv, isCreate }) => {
      const mark = isCreate ? " new" : "";
      expect([revision.main, plain(kv).mod, plain(kv).key]).toEqual([main, main, key]);
      return `${revision.main}.${revision.sub} ${type} ${key}${mark}`;
    }),
  );
const ALL = ["2.0 put a new", "3.0 put a", "3.1 put b new", "4.0 delete a", "5.0 put c new"];

/** The layers that hold the history: everything is in memory, or everything is in the engine. */
const layers = {
  memory: async (): Promise<void> => write(),
  "value cache": async (): Promise<void> => {
    write();
    await opened.buffered.flush();
  },
  engine: async (): Promise<void> => {
    write();
    await opened.close();
    opened = await openStore({ disk: opened.disk });
  },
};

describe.each(Object.keys(layers) as (keyof typeof layers)[])("from %s", (layer) => {
  beforeEach(() => layers[layer]());

  test("is whole and in order", async () => {
    const { revisions, next } = await opened.store.history(2, 100);
    expect([names(revisions), next]).toEqual([ALL, 6]);
  });

  test("is bounded in revisions and never splits one", async () => {
    const first = await opened.store.history(2, 2);
    expect([names(first.revisions), first.next]).toEqual([ALL.slice(0, 3), 4]);
    const second = await opened.store.history(first.next, 2);
    expect([names(second.revisions), second.next]).toEqual([ALL.slice(3), 6]);
    expect(await opened.store.history(6, 2)).toEqual({ revisions: [], next: 6 });
    expect(await opened.store.history(9, 2)).toEqual({ revisions: [], next: 9 });
  });

  test("goes on with what is written since", async () => {
    opened.store.put(putOf("d", "1"));
    const seen: string[] = [];
    for (let from = 3; from <= opened.store.currentRevision; ) {
      const { revisions, next } = await opened.store.history(from, 100);
      seen.push(...names(revisions));
      from = next;
    }
    expect(seen).toEqual([...ALL.slice(1), "6.0 put d new"]);
  });
});
