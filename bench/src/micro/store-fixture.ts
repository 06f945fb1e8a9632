import { etcdserverpb } from "@kvorum/api";
import type { Engine } from "@kvorum/backends";
import { createPrng, type Prng } from "@kvorum/base";
import { nodeClock } from "@kvorum/base/node";
import { BufferedBackend, Store, WatchHub } from "@kvorum/mvcc";
import { KeySpace } from "../load/key-space.js";
import { ValuePool } from "../load/value-pool.js";
import { KEY_BYTES, RECORDS, VALUE_BYTES } from "./stage.js";

/** Above this many waiting operations a bench lets the engine catch up, as a node's quota would. */
const PENDING_OPS_MAX = 20_000;

export interface StoreFixture {
  readonly store: Store;
  readonly hub: WatchHub;
  readonly prng: Prng;
  readonly keys: KeySpace;
  putRequest(): etcdserverpb.PutRequest;
  /** Waits for the engine where too much waits for it. */
  keepUp(): Promise<void>;
  close(): Promise<void>;
}

/** A store on an engine with its watch hub, filled with `RECORDS` keys. */
export async function openStoreFixture(directory: string, engine: Engine): Promise<StoreFixture> {
  const prng = createPrng(1);
  const keys = new KeySpace({ count: RECORDS, keyBytes: KEY_BYTES });
  const values = new ValuePool({ valueBytes: VALUE_BYTES, entropy: 1, prng });
  const onFault = (error: unknown): void => {
    throw error;
  };
  const backend = await engine.open({ directory });
  const buffered = new BufferedBackend({ backend, clock: nodeClock, onFault });
  const leases = { has: () => true, attach: () => undefined, detach: () => undefined };
  let hub: WatchHub | undefined;
  const store = await Store.open({
    ...{ backend: buffered, clock: nodeClock, leases },
    watchSink: {
      get isWatched() {
        return hub?.isWatched ?? false;
      },
      passed: (main) => hub?.passed(main),
      notify: (events) => hub?.notify(events),
      reset: () => hub?.reset(),
    },
  });
  hub = new WatchHub({ source: store, clock: nodeClock, header: () => Buffer.from([0x18, 1]) });
  const putRequest = (number = prng.below(RECORDS)): etcdserverpb.PutRequest => {
    const value = Buffer.allocUnsafe(VALUE_BYTES);
    values.write(value, 0);
    return etcdserverpb.PutRequest.fromPartial({ key: keys.key(number), value });
  };
  const keepUp = async (): Promise<void> => {
    if (buffered.pendingOps > PENDING_OPS_MAX) await buffered.flush();
  };
  for (let i = 0; i < RECORDS; i++) {
    store.put(putRequest(i));
    if (i % 1000 === 0) await keepUp();
  }
  await buffered.flush();
  return {
    ...{ store, hub, prng, keys, keepUp },
    putRequest: () => putRequest(),
    async close() {
      hub.close();
      await buffered.close();
    },
  };
}
