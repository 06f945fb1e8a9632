import { ApiError, decodeMessage, etcdserverpb, mvccpb, v3electionpb } from "@kvorum/api";
import type { StreamCall } from "@kvorum/grpc";
import { failWith } from "./guard.js";
import { KeyQueue, type QueueServiceOptions } from "./key-queue.js";
import { type LastingCaller, lastingCaller } from "./lasting-call.js";
import { watchKeys } from "./watch-keys.js";

const { LeaderRequest, LeaderResponse } = v3electionpb;
const { NODELETE } = etcdserverpb.WatchCreateRequest_FilterType;
const { DELETE } = mvccpb.Event_EventType;

interface Proclamation {
  readonly header: etcdserverpb.ResponseHeader;
  readonly kv: mvccpb.KeyValue;
}

interface ObserveContext extends QueueServiceOptions {
  readonly queue: KeyQueue;
}

/**
 * Election.Observe: who leads now, then each proclamation of the leader, and the next leader when it
 * has gone. A leader who came and went between two reads may be left out; the newest never is.
 *
 *     read the first candidate --none--> watch the queue for a put
 *        ^            |                            |
 *        |            v                            v
 *        |         send it <-----------------------+
 *        |            |
 *        +--deleted-- watch its key, send each put
 */
export function openObserve(call: StreamCall, options: QueueServiceOptions): void {
  const caller = lastingCaller(call);
  call.onMessage = (message) => {
    call.onMessage = undefined;
    try {
      const { name } = decodeMessage(LeaderRequest, Buffer.from(message));
      const queue = new KeyQueue(name, options);
      observe(call, caller, { ...options, queue }).catch((error: unknown) => {
        // etcd ends the stream in good order, whatever kept it from going on.
        if (error instanceof ApiError) call.end();
        else failWith(call, error);
      });
    } catch (error) {
      failWith(call, error);
    }
  };
}

async function observe(
  call: StreamCall,
  caller: LastingCaller,
  context: ObserveContext,
): Promise<never> {
  const { client, hub, queue } = context;
  const { signal } = caller;
  for (;;) {
    const { header, kvs } = await client.range(caller, queue.first);
    signal.throwIfAborted();
    const [first] = kvs;
    const leader =
      first === undefined
        ? await nextPut(caller, context, header!.revision)
        : { header: header!, kv: first };
    if (!send(call, leader)) await drained(call, signal);
    await watchKeys(hub, {
      key: leader.kv.key,
      startRevision: leader.header.revision + 1,
      signal,
      take: (response, resume) => {
        call.onDrain = resume;
        let mayGoOn = true;
        for (const { type, kv } of response.events) {
          if (type === DELETE) return "done";
          mayGoOn = send(call, { header: response.header!, kv: kv! });
        }
        return mayGoOn ? "more" : "wait";
      },
    });
  }
}

/** The first key that is put into an empty queue, with the header of its own revision. */
async function nextPut(
  { signal }: LastingCaller,
  { hub, queue }: ObserveContext,
  afterRevision: number,
): Promise<Proclamation> {
  let found: Proclamation | undefined;
  await watchKeys(hub, {
    ...queue.range,
    startRevision: afterRevision + 1,
    filters: [NODELETE],
    signal,
    take: ({ header, events }) => {
      const kv = events[0]!.kv!;
      found = { header: { ...header!, revision: kv.modRevision }, kv };
      return "done";
    },
  });
  return found!;
}

/** @returns false when the client should be waited for */
function send(call: StreamCall, proclamation: Proclamation): boolean {
  return call.write(LeaderResponse.encode(proclamation).finish());
}

/** Resolves when the client has taken what was sent; rejects with the signal's reason. */
function drained(call: StreamCall, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort);
    call.onDrain = () => {
      signal.removeEventListener("abort", abort);
      resolve();
    };
  });
}
