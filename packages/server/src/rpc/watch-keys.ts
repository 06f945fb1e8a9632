import { type ApiError, apiError, etcdserverpb } from "@kvorum/api";
import type { MainRevision } from "@kvorum/base";
import type { WatchHub } from "@kvorum/mvcc";

const { WatchResponse } = etcdserverpb;

export interface KeyWatch {
  readonly key: Uint8Array;
  /** Absent: `key` alone. */
  readonly rangeEnd?: Uint8Array;
  readonly startRevision: MainRevision;
  readonly filters?: etcdserverpb.WatchCreateRequest_FilterType[];
  /** Its reason is an ApiError, and what the watch then ends with. */
  readonly signal: AbortSignal;
  /**
   * Given each response with events: "done" ends the watch, "wait" holds it until `resume` is called.
   * What it throws ends the watch, too.
   */
  readonly take: (
    response: etcdserverpb.WatchResponse,
    resume: () => void,
  ) => "done" | "more" | "wait";
}

/**
 * A watch by the member itself, on a stream of its own in the hub, so that one that waits holds up
 * no other. Nobody's rights are looked at: whoever asks has just read these keys for the caller.
 * @throws ApiError "compacted" when what it must read is gone; the signal's reason
 */
export function watchKeys(hub: WatchHub, watch: KeyWatch): Promise<void> {
  const { key, rangeEnd = NO_BYTES, startRevision, filters = [], signal, take } = watch;
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason as ApiError);
      return;
    }
    const end = (error?: unknown) => {
      stream.close();
      signal.removeEventListener("abort", abort);
      if (error === undefined) resolve();
      else reject(error);
    };
    const abort = () => end(signal.reason);
    const resume = () => stream.drained();
    const receive = (parts: readonly Uint8Array[]): boolean => {
      const response = WatchResponse.decode(Buffer.concat(parts));
      if (response.canceled) end(apiError("compacted"));
      if (response.events.length === 0) return true;
      try {
        const what = take(response, resume);
        if (what === "done") end();
        return what === "more";
      } catch (error) {
        end(error);
        return false;
      }
    };
    const stream = hub.openStream({ output: { write: receive }, ...NOT_ASKED_FOR });
    signal.addEventListener("abort", abort);
    stream.create({ ...EMPTY_CREATE, key, rangeEnd, startRevision, filters });
  });
}

const NO_BYTES = new Uint8Array(0);

const EMPTY_CREATE = etcdserverpb.WatchCreateRequest.decode(NO_BYTES);

/** Responses are neither split nor sent for their progress alone. */
const NOT_ASKED_FOR = { fragmentBytes: Number.MAX_SAFE_INTEGER, progressIntervalMs: 0 };
