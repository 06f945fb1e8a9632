import { decodeMessage, etcdserverpb } from "@kvorum/api";
import type { Prng } from "@kvorum/base";
import type { Method, StreamCall } from "@kvorum/grpc";
import type { WatchHub } from "@kvorum/mvcc";
import { failWith } from "./guard.js";

export interface WatchServiceOptions {
  readonly hub: WatchHub;
  /** --max-request-bytes + 512 KiB */
  readonly fragmentBytes: number;
  /** --watch-progress-notify-interval; up to a tenth is added for each stream. */
  readonly progressIntervalMs: number;
  readonly prng: Prng;
}

/** etcdserverpb.Watch: the hub's streams on the transport's. */
export class WatchService {
  readonly #options: WatchServiceOptions;

  constructor(options: WatchServiceOptions) {
    this.#options = options;
  }

  methods(): [string, Method][] {
    return [["/etcdserverpb.Watch/Watch", { kind: "stream", open: (call) => this.#open(call) }]];
  }

  /** A client that half-closes keeps its watches; the stream ends when the client goes. */
  #open(call: StreamCall): void {
    const { hub, fragmentBytes, progressIntervalMs, prng } = this.#options;
    const stream = hub.openStream({
      output: {
        write: (parts) => call.writeParts(parts),
        writeFramed: (bytes, length) => call.writeFramed(bytes, length),
      },
      fragmentBytes,
      progressIntervalMs: progressIntervalMs * (1 + prng.float() / 10),
    });
    call.onDrain = () => stream.drained();
    call.onCancel = () => stream.close();
    call.onMessage = (message) => {
      try {
        const { requestUnion } = decodeMessage(etcdserverpb.WatchRequest, message);
        switch (requestUnion?.$case) {
          case "createRequest":
            stream.create(requestUnion.value);
            break;
          case "cancelRequest":
            stream.cancel(requestUnion.value.watchId);
            break;
          case "progressRequest":
            stream.requestProgress();
            break;
          default:
            break;
        }
      } catch (error) {
        stream.close();
        failWith(call, error);
      }
    };
  }
}
