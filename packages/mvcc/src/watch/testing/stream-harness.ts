import type { etcdserverpb } from "@kvorum/api";
import { WatchHub } from "../watch-hub.js";
import type { WatchStream } from "../watch-stream.js";
import { FakeOutput } from "./fake-output.js";
import { FakeStore } from "./fake-store.js";
import { ManualClock } from "./manual-clock.js";
import { createRequest, testHeader } from "./requests.js";

export const PROGRESS_MS = 600_000;

/** One stream of a hub over a fake store, on a clock that the test moves. */
export class StreamHarness {
  readonly store = new FakeStore();
  readonly clock = new ManualClock();
  readonly errors: unknown[] = [];
  readonly hub: WatchHub;
  readonly output = new FakeOutput();
  readonly stream: WatchStream;

  constructor() {
    const { store, clock } = this;
    const onError = (error: unknown) => this.errors.push(error);
    this.hub = new WatchHub({ source: store, clock, header: testHeader, onError });
    store.sink = this.hub;
    this.stream = this.open(this.output);
  }

  open(output: FakeOutput, group?: object): WatchStream {
    const options = { output, fragmentBytes: 1_000, progressIntervalMs: PROGRESS_MS };
    return this.hub.openStream(group === undefined ? options : { ...options, group });
  }

  /** @returns the answer */
  create(
    ...[key, options]: Parameters<typeof createRequest>
  ): etcdserverpb.WatchResponse | undefined {
    this.stream.create(createRequest(key, options));
    return this.output.take().at(-1);
  }

  /** Lets the hub work until nothing is left to do. @returns how often it read the history */
  async settle(): Promise<number> {
    const { clock, store } = this;
    let reads = 0;
    while (clock.hasSoon || store.reads.length > 0) {
      clock.runSoon();
      const read = store.reads.shift();
      if (read !== undefined) reads++;
      read?.run();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return reads;
  }

  /** What each response says, for comparisons: "id@header: key=value, -key". */
  async sent(): Promise<string[]> {
    await this.settle();
    return this.output.take().map((response) => {
      const events = response.events.map(({ type, kv }) => {
        const key = Buffer.from(kv!.key).toString();
        return type === 1 ? `-${key}` : `${key}=${Buffer.from(kv!.value)}`;
      });
      return `${response.watchId}@${response.header!.revision}: ${events.join(", ")}`;
    });
  }
}
