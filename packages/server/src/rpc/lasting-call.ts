import {
  ApiError,
  type ApiErrorName,
  apiError,
  apiErrorText,
  type DecodableType,
  decodeMessage,
} from "@kvorum/api";
import {
  type Method,
  Status,
  type StatusCode,
  type StreamCall,
  type UnaryCall,
} from "@kvorum/grpc";
import { failWith } from "./guard.js";
import type { Caller } from "./local-client.js";
import type { OpenStreams } from "./open-streams.js";

/** Who asked, and until when. */
export interface LastingCaller extends Caller {
  /** Aborted when nobody waits for the answer any more, or the member stops; with an ApiError. */
  readonly signal: AbortSignal;
}

/**
 * A unary method that asks the member for several things in turn and may wait for others between
 * them. What `serve` throws is answered as etcd does, see `asLocalError`.
 * @param serve makes the encoded reply; the request and what it holds are its own
 */
export function lastingUnary<Request>(
  requestType: DecodableType<Request>,
  openStreams: OpenStreams,
  serve: (request: Request, caller: LastingCaller) => Promise<Uint8Array>,
): Method {
  return {
    kind: "unary",
    handle: (call, message) => {
      const request = decodeMessage(requestType, Buffer.from(message));
      const abort = new AbortController();
      const waiting = {
        fail: (code: StatusCode, text: string) => abort.abort(new ApiError(code, text)),
      };
      openStreams.add(waiting, { needsLeader: false });
      serve(request, lastingCaller(call, abort))
        .then((reply) => call.respond(reply))
        .catch((error: unknown) => {
          const isOwn = error === abort.signal.reason;
          failWith(call, isOwn ? error : asLocalError(error));
        })
        .finally(() => openStreams.delete(waiting));
    },
  };
}

/** The caller of a call, whose signal is that of `abort`. */
export function lastingCaller(
  call: UnaryCall | StreamCall,
  abort = new AbortController(),
): LastingCaller {
  call.onCancel = () => abort.abort(apiError("contextCanceled"));
  return { metadata: call.metadata, peer: call.peer, signal: abort.signal };
}

/**
 * An error as etcd hands it on from itself: its Go client knows most by their texts and makes errors
 * of its own of them, which have no code of gRPC, so that they reach the client as UNKNOWN.
 */
function asLocalError(error: unknown): unknown {
  if (!(error instanceof ApiError) || KEEPING_THEIR_CODE.has(error.message)) return error;
  return new ApiError(Status.UNKNOWN, error.message, { cause: error });
}

/** What etcd's Go client has no text for. Source: errStringToError of etcd's rpctypes. */
const UNKNOWN_TO_THE_CLIENT: readonly ApiErrorName[] = [
  "canceled",
  "contextCanceled",
  "deadlineExceeded",
  "timeoutWaitApplied",
];

const KEEPING_THEIR_CODE: ReadonlySet<string> = new Set(UNKNOWN_TO_THE_CLIENT.map(apiErrorText));
