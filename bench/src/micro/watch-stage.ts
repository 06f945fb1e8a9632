import { etcdserverpb } from "@kvorum/api";
import type { Stage } from "./stage.js";
import { openStoreFixture } from "./store-fixture.js";

const WATCHERS = 1000;
const PUTS = 10;
const HOUR_MS = 3_600_000;

/** The watch hub: one put to a key that a thousand watchers on a hundred streams watch. */
export const WATCH_STAGE: Stage = {
  name: "watch",
  isPerEngine: false,
  async open({ directory, engine }) {
    const fixture = await openStoreFixture(directory, engine);
    const { store, hub } = fixture;
    const key = Buffer.from("watched");
    const write = (): boolean => true;
    for (let i = 0; i < 100; i++) {
      const stream = hub.openStream({
        output: { write, writeFramed: write },
        ...{ fragmentBytes: 1 << 20, progressIntervalMs: HOUR_MS },
      });
      const request = etcdserverpb.WatchCreateRequest.fromPartial({ key });
      for (let j = 0; j < WATCHERS / 100; j++) stream.create(request);
    }
    const run = async (): Promise<void> => {
      const before = hub.counters.eventsSent;
      for (let i = 0; i < PUTS; i++) store.put({ ...fixture.putRequest(), key });
      while (hub.counters.eventsSent < before + PUTS * WATCHERS) {
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
      await fixture.keepUp();
    };
    return {
      cases: [{ name: "event to 1,000 watchers", operations: PUTS * WATCHERS, run }],
      close: () => fixture.close(),
    };
  },
};
