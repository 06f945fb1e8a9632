import { etcdserverpb } from "@kvorum/api";
import { RECORDS, type Stage } from "./stage.js";
import { openStoreFixture } from "./store-fixture.js";

const CALLS = 1000;

/** The MVCC store: puts, ranges and transactions, with the engine's commits behind them. */
export const STORE_STAGE: Stage = {
  name: "store",
  isPerEngine: true,
  async open({ directory, engine }) {
    const fixture = await openStoreFixture(directory, engine);
    const { store, prng, keys } = fixture;
    const { RangeRequest } = etcdserverpb;
    const key = (): Buffer => keys.key(prng.below(RECORDS));
    const hundred = async (): Promise<void> => {
      const first = prng.below(RECORDS - 100);
      const request = { key: keys.key(first), rangeEnd: keys.key(first + 100) };
      const { count } = await store.range(RangeRequest.fromPartial(request));
      if (count !== 100) throw new Error(`a range found ${count} keys`);
    };
    const many = (run: () => void) => async (): Promise<void> => {
      for (let i = 0; i < CALLS; i++) run();
      await fixture.keepUp();
    };
    const put = (): void => void store.put(fixture.putRequest());
    const range = (): void => void store.range(RangeRequest.fromPartial({ key: key() }));
    const txn = (): void => void store.txn(compareAndPut(fixture.putRequest()));
    return {
      cases: [
        { name: "put", operations: CALLS, run: many(put) },
        { name: "range of one key", operations: CALLS, run: many(range) },
        { name: "range of 100 keys", operations: 1, run: hundred },
        { name: "compare and put", operations: CALLS, run: many(txn) },
      ],
      close: () => fixture.close(),
    };
  },
};

/** "If the key's version is above -1": always. */
function compareAndPut(put: etcdserverpb.PutRequest): etcdserverpb.TxnRequest {
  const compare = etcdserverpb.Compare.fromPartial({ key: put.key });
  compare.result = etcdserverpb.Compare_CompareResult.GREATER;
  compare.targetUnion = { $case: "version", value: -1 };
  const success = [{ request: { $case: "requestPut" as const, value: put } }];
  return { compare: [compare], success, failure: [] };
}
