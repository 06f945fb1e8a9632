import { decodeRangeRequest } from "@kvorum/api";
import type { StreamCall } from "@kvorum/grpc";
import type { RangeChunk } from "@kvorum/mvcc";
import { refuse } from "../auth/auth-applier.js";
import { type AuthInfo, NOBODY } from "../auth/auth-info.js";
import type { RequestRefusals } from "../auth/request-refusals.js";
import type { OpenedStore } from "../boot/open-store.js";
import type { ReadIndexQueue } from "../consensus/read-index.js";
import { failWith } from "./guard.js";
import type { Identities } from "./identities.js";
import { Pace } from "./pace.js";
import { fail, type Replier } from "./reply.js";
import { validateRange } from "./txn-validation.js";

export interface RangeStreamOptions {
  readonly opened: OpenedStore;
  readonly identities: Identities;
  readonly refusals: RequestRefusals;
  readonly reads: ReadIndexQueue;
  readonly replier: Replier;
  /** --max-request-bytes: the measure of a chunk. */
  readonly requestBytesMax: number;
}

/**
 * KV.RangeStream: the reply of a range in chunks that grow and shrink with the size of what they
 * hold. Only the last message has the header, `more` and the exact count.
 */
export function openRangeStream(call: StreamCall, options: RangeStreamOptions): void {
  const pace = new Pace(call);
  call.onMessage = (message) => {
    call.onMessage = undefined;
    try {
      const request = decodeRangeRequest(message);
      validateRange(request);
      const { identities, refusals, opened, requestBytesMax } = options;
      const sendFor = (who: AuthInfo) => {
        refuse(refusals.range(who, request));
        const chunks = opened.store.rangeChunks(request, requestBytesMax);
        send(call, { ...options, who, pace }, chunks).catch((error: unknown) =>
          failWith(call, error),
        );
      };
      const begin = () => {
        try {
          identities.identify(call, (who = NOBODY) => sendFor(who));
        } catch (error) {
          failWith(call, error);
        }
      };
      if (request.serializable) begin();
      else options.reads.wait({ ready: begin, failed: (error) => fail(call, error) });
    } catch (error) {
      failWith(call, error);
    }
  };
}

async function send(
  call: StreamCall,
  {
    replier,
    opened,
    who,
    pace,
  }: RangeStreamOptions & {
    readonly who: AuthInfo;
    readonly pace: Pace;
  },
  chunks: Iterable<RangeChunk>,
): Promise<void> {
  // Leaving the loop returns the chunks, which gives their revision free.
  for (const { kvs, last } of chunks) {
    if (pace.isOver) return;
    const { revision, more, count } = last ?? NOT_LAST;
    const response = { kind: "range", revision, kvs, more, count } as const;
    if (!replier.sendChunk(call, response, last !== undefined)) await pace.drained();
  }
  refuse(opened.auth.staleRefusal(who));
  call.end();
}

const NOT_LAST = { revision: 0, more: false, count: 0 } as const;
