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
    return {
      begun: (clientVersion) => {
        if (counters !== undefined) {
          counters.started++;
          counters.messagesReceived++;
        }
        this.#countVersion(kind, clientVersion);
      },
      sent: (count) => {
        if (counters !== undefined) counters.messagesSent += count;
      },
      ended: (call, code) => {
        const tookMs = clock.nowMs() - call.startMs;
        if (counters !== undefined) {
          counters.handled[code] = (counters.handled[code] ?? 0) + 1;
          if (kind === "unary" && code === 0) counters.messagesSent++;
          counters.handlingSeconds?.observe(tookMs / 1000);
        }
        if (kind === "unary" && tookMs > slowRequestMs) this.#logSlow(call, { code, tookMs });
      },
    };
  }

  #countVersion(kind: Kind, version = ""): void {
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

/** @param text one character a byte, as metadata are */
function isUtf8(text: string): boolean {
  const bytes = Buffer.from(text, "latin1");
  return bytes.equals(Buffer.from(bytes.toString("utf8"), "utf8"));
}
