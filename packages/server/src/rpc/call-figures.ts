import { apiError } from "@kvorum/api";
import type { Clock } from "@kvorum/base";
import type { CallObserver, Method, StatusCode, StreamCall, UnaryCall } from "@kvorum/grpc";
import type { Logger } from "../observe/logger.js";
import type { Metrics } from "../observe/metrics.js";

/** Counts one method's calls; `begun` is called by the guard, the rest by the transport. */
export interface MethodObserver extends CallObserver {
  /** @param clientVersion the metadata "client-api-version" @throws ApiError when it is no UTF-8 */
  begun(clientVersion: string | undefined): void;
}

export interface CallFiguresOptions {
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Unary calls that take longer are logged. Source: --warning-unary-request-duration. */
  readonly slowRequestMs: number;
}

type Kind = Method["kind"];

/** Different client versions that get a line of their own in the metrics: clients choose the text. */
const CLIENT_VERSIONS_MAX = 64;

/** Of a client that does not say. */
const UNKNOWN_VERSION = "unknown";

/** The counters, histograms and slow-request lines of every gRPC method. */
export class CallFigures {
  readonly #options: CallFiguresOptions;
  /** Kind and version -> the counter of such calls. */
  readonly #versions: Record<Kind, Map<string, { value: number }>> = {
    unary: new Map(),
    stream: new Map(),
  };

  constructor(options: CallFiguresOptions) {
    this.#options = options;
  }

  /** @param path "/package.Service/Method" */
  observerOf(path: string, kind: Kind): MethodObserver {
    const { metrics, clock, slowRequestMs } = this.#options;
    const counters = metrics.grpc.method(path);
    const type = REQUEST_TYPES.get(path);
    const durations = type === undefined ? undefined : metrics.requests.request(type);
    return {
      begun: (clientVersion) => {
        if (counters !== undefined) {
          counters.started++;
          if (kind === "unary") counters.messagesReceived++;
        }
        this.#countVersion(kind, clientVersion);
      },
      received: () => {
        if (counters !== undefined) counters.messagesReceived++;
      },
      sent: (count) => {
        if (counters !== undefined) counters.messagesSent += count;
      },
      ended: (call, code) => {
        const tookMs = clock.nowMs() - call.startMs;
        if (counters !== undefined) {
          counters.handled[code] = (counters.handled[code] ?? 0) + 1;
          // A status alone counts as a message, as in etcd.
          if (kind === "unary") counters.messagesSent++;
          counters.handlingSeconds?.observe(tookMs / 1000);
        }
        if (code === 0) durations?.succeeded(tookMs / 1000);
        else durations?.failed(tookMs / 1000);
        if (kind === "unary" && tookMs > slowRequestMs) this.#logSlow(call, { code, tookMs });
      },
    };
  }

  #countVersion(kind: Kind, version = UNKNOWN_VERSION): void {
    const cells = this.#versions[kind];
    let cell = cells.get(version);
    if (cell === undefined) {
      if (!isUtf8(version)) throw apiError("invalidClientApiVersion");
      if (cells.size >= CLIENT_VERSIONS_MAX) return;
      cell = this.#options.metrics.labelled.clientRequests.cell(version, kind);
      cells.set(version, cell);
    }
    cell.value++;
  }

  #logSlow(
    call: UnaryCall | StreamCall,
    { code, tookMs }: { readonly code: StatusCode; readonly tookMs: number },
  ): void {
    this.#options.logger.warn("request stats", {
      "time spent": `${tookMs.toFixed(3)}ms`,
      remote: call.peer.address,
      "response type": call.path,
      "status code": code,
    });
  }
}

/** What etcd_server_request_duration_seconds says of a call: the field of its proposal, in Go. */
const REQUEST_TYPES: ReadonlyMap<string, string> = new Map([
  ["/etcdserverpb.KV/Compact", "Compaction"],
  ...["Range", "Put", "DeleteRange", "Txn"].map(named("KV")),
  ...["LeaseGrant", "LeaseRevoke"].map(named("Lease")),
  ["/etcdserverpb.Maintenance/Alarm", "Alarm"],
  ...["AuthEnable", "AuthDisable", "AuthStatus", "Authenticate"].map(named("Auth")),
  ...[
    ...["UserAdd", "UserGet", "UserList", "UserDelete", "UserChangePassword"],
    ...["UserGrantRole", "UserRevokeRole", "RoleAdd", "RoleGet", "RoleList", "RoleDelete"],
    ...["RoleGrantPermission", "RoleRevokePermission"],
  ].map((name): [string, string] => [`/etcdserverpb.Auth/${name}`, `Auth${name}`]),
]);

function named(service: string): (name: string) => [string, string] {
  return (name) => [`/etcdserverpb.${service}/${name}`, name];
}

/** @param text one character a byte, as metadata are */
function isUtf8(text: string): boolean {
  const bytes = Buffer.from(text, "latin1");
  return bytes.equals(Buffer.from(bytes.toString("utf8"), "utf8"));
}
