import { etcdserverpb } from "@kvorum/api";
import { type Bytes, type KeyRange, keyRange } from "./ops.js";
import type { Transport } from "./transport.js";
import { WatchHub } from "./watch-hub.js";
import type { Watcher } from "./watcher.js";

const { WatchCreateRequest, WatchCreateRequest_FilterType } = etcdserverpb;

export interface WatchOptions extends KeyRange {
  /** The first revision to see; 0 or absent means those that come from now on. */
  readonly startRevision?: number;
  /** Carry each pair as it was before its event. */
  readonly prevKv?: boolean;
  /** Send a response without events now and then, whose header tells how far the watch is. */
  readonly progressNotify?: boolean;
  /** Kinds of events to leave out. */
  readonly without?: readonly ("put" | "delete")[];
  /** Let the server split large responses; they are put together again here. */
  readonly fragment?: boolean;
}

const FILTERS = {
  put: WatchCreateRequest_FilterType.NOPUT,
  delete: WatchCreateRequest_FilterType.NODELETE,
} as const;

/** Watches keys for changes. The counterpart of clientv3's Watcher. */
export class Watch {
  readonly #hub: WatchHub;

  constructor(transport: Transport) {
    this.#hub = new WatchHub(transport);
  }

  /** Begins a watch; the server is asked at once, errors show when the watcher is iterated. */
  watch(key: Bytes, options: WatchOptions = {}): Watcher {
    const request = WatchCreateRequest.create({
      ...keyRange(key, options),
      startRevision: options.startRevision ?? 0,
      prevKv: options.prevKv ?? false,
      progressNotify: options.progressNotify ?? false,
      filters: (options.without ?? []).map((kind) => FILTERS[kind]),
      fragment: options.fragment ?? false,
    });
    return this.#hub.add(request);
  }

  close(): void {
    this.#hub.close();
  }
}
