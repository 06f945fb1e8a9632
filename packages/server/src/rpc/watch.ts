import { ApiError, type ApiErrorName, apiError, decodeMessage, etcdserverpb } from "@kvorum/api";
import type { Prng } from "@kvorum/base";
import type { Method, StreamCall } from "@kvorum/grpc";
import type { WatchHub, WatchStream } from "@kvorum/mvcc";
import { type AuthInfo, NOBODY } from "../auth/auth-info.js";
import type { AuthStore } from "../auth/auth-store.js";
import { failWith } from "./guard.js";
import type { Identities } from "./identities.js";

export interface WatchServiceOptions {
  readonly hub: WatchHub;
  readonly auth: AuthStore;
  readonly identities: Identities;
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
        writeFramed: (bytes, length, responses) => call.writeFramed(bytes, length, responses),
        openFrame: (bytesMin) => call.openFrame(bytesMin),
        closeFrame: (length, responses) => call.closeFrame(length, responses),
      },
      group: call.peer,
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
            if (!this.#options.identities.areNeeded) stream.create(requestUnion.value);
            else this.#createPermitted(call, stream, requestUnion.value);
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

  /** Who may not watch is told so by the watch; the stream and its other watches go on. */
  #createPermitted(
    call: StreamCall,
    stream: WatchStream,
    request: etcdserverpb.WatchCreateRequest,
  ): void {
    const { auth, identities } = this.#options;
    const key = request.key.length === 0 ? LEAST_KEY : request.key;
    const create = (who: AuthInfo = NOBODY) => {
      const refusal = auth.accessRefusal(who, "read", { key, rangeEnd: request.rangeEnd });
      stream.create(request, { denied: refusal && deniedText(refusal) });
    };
    const deny = (error: unknown) => {
      if (!(error instanceof ApiError)) throw error;
      stream.create(request, { denied: statusText(error) });
    };
    try {
      const found = identities.of(call);
      if (!(found instanceof Promise)) {
        create(found);
        return;
      }
      // Later requests must not overtake this one.
      call.pause();
      found.then(create, deny).then(() => call.resume());
    } catch (error) {
      deny(error);
    }
  }
}

const LEAST_KEY = Buffer.from([0]);

function deniedText(refusal: ApiErrorName): string {
  return statusText(apiError(refusal));
}

/** What Go prints for an error of gRPC. */
function statusText({ code, message }: ApiError): string {
  return `rpc error: code = ${CODE_NAMES[code] ?? code} desc = ${message}`;
}

const CODE_NAMES: Readonly<Record<number, string>> = {
  3: "InvalidArgument",
  7: "PermissionDenied",
  16: "Unauthenticated",
};
