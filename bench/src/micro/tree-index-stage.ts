import { etcdserverpb } from "@kvorum/api";
import { RECORDS, type Stage } from "./stage.js";
import { openStoreFixture } from "./store-fixture.js";

const CALLS = 1000;

/** The treeIndex through the store's counts, which read no record. */
export const TREE_INDEX_STAGE: Stage = {
  name: "tree-index",
  isPerEngine: false,
  async open({ directory, engine }) {
    const fixture = await openStoreFixture(directory, engine);
    const { store, prng, keys } = fixture;
    const count = async (span: number): Promise<void> => {
      const first = prng.below(RECORDS - span);
      const request = { key: keys.key(first), rangeEnd: keys.key(first + span), countOnly: true };
      const reply = await store.range(etcdserverpb.RangeRequest.fromPartial(request));
      if (reply.count !== span) throw new Error(`${reply.count} of ${span} keys were counted`);
    };
    const absent = (): void => {
      const key = Buffer.from("absent");
      const request = etcdserverpb.RangeRequest.fromPartial({ key });
      for (let i = 0; i < CALLS; i++) store.range(request);
    };
    return {
      cases: [
        { name: "look-up of an absent key", operations: CALLS, run: absent },
        { name: "count of 10 keys", operations: 1, run: () => count(10) },
        { name: "count of 10,000 keys", operations: 1, run: () => count(10_000) },
      ],
      close: () => fixture.close(),
    };
  },
};
