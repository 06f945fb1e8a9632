import { apiError } from "@kvorum/api";
import type { Clock } from "@kvorum/base";
import { type MethodTable, type Peer, Status } from "@kvorum/grpc";
import type { PageRequest, PageResponse, Pages } from "../http/page.js";
import type { CallContext } from "./call-context.js";
import { CallMetadata, readTimeoutMs } from "./call-metadata.js";
import { type GatewayLimits, gatewayLimits } from "./limits.js";
import { refusalOf } from "./refusal.js";
import { respondRefusal } from "./reply.js";
import { type HeldBodies, readMessages } from "./request-messages.js";
import { createRoutes, type Route } from "./routes.js";
import { StreamJsonCall } from "./stream-json-call.js";
import { UnaryJsonCall } from "./unary-json-call.js";

export interface JsonGatewayOptions {
  /** As the gRPC server has them: guarded. */
  readonly methods: MethodTable;
  readonly clock: Clock;
  /** Encoded bytes of one message of a client. */
  readonly messageBytesMax: number;
  /** Overrides, for tests. */
  readonly limits?: Partial<GatewayLimits>;
}

/**
 * The API in JSON, under /v3/: a request becomes a call of the same method that gRPC clients call,
 * in this process, and what the method answers becomes the response. As etcd's grpc-gateway does it.
 *
 * ```
 *  body -> JSON values -> message -> Method (guard, service) -> message -> JSON -> response
 *  request-messages.ts               unary-json-call.ts, stream-json-call.ts
 * ```
 */
export class JsonGateway {
  readonly #options: JsonGatewayOptions;
  /** Made for the first request: most members never see one. */
  #routes: ReadonlyMap<string, Route> | undefined;
  readonly #limits: GatewayLimits;
  readonly #held: HeldBodies = { bytes: 0 };
  readonly #calls = new Set<UnaryJsonCall | StreamJsonCall>();
  #onDrained: (() => void) | undefined;
  #isDraining = false;

  constructor(options: JsonGatewayOptions) {
    this.#options = options;
    this.#limits = { ...gatewayLimits, ...options.limits };
  }

  /** Serves a request whose path begins with /v3/. */
  readonly pages: Pages = (request, response) => {
    this.#routes ??= createRoutes(this.#options.methods);
    const route = this.#routes.get(pathOf(request));
    if (route === undefined) {
      respondRefusal(response, { code: Status.NOT_FOUND, message: "Not Found" });
    } else if (request.method !== "POST") {
      respondRefusal(response, { code: Status.UNIMPLEMENTED, message: "Method Not Allowed" });
    } else this.#call(route, request, response);
  };

  /**
   * Calls under way end by themselves, or by what their services do; those whose request is not
   * whole, and new ones, are refused.
   */
  drain(): Promise<void> {
    this.#isDraining = true;
    const { code, message } = refusalOf(apiError("stopped"));
    for (const call of [...this.#calls]) if (!call.callEnd.hasBegun) call.fail(code, message);
    if (this.#calls.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onDrained = resolve;
    });
  }

  #call(route: Route, request: PageRequest, response: PageResponse): void {
    const timeout = request.headers["grpc-timeout"]?.toString();
    const timeoutMs = readTimeoutMs(timeout);
    if (timeoutMs === undefined) {
      const message = `invalid grpc-timeout: ${timeout}`;
      respondRefusal(response, { code: Status.INVALID_ARGUMENT, message });
      return;
    }
    if (this.#isDraining) {
      respondRefusal(response, refusalOf(apiError("stopped")));
      return;
    }
    if (this.#calls.size >= this.#limits.openCallsMax) {
      respondRefusal(response, { code: Status.RESOURCE_EXHAUSTED, message: "too many open calls" });
      return;
    }
    const { clock } = this.#options;
    const context = {
      ...{ route, response, clock, limits: this.#limits, deadlineMs: clock.nowMs() + timeoutMs },
      metadata: new CallMetadata(request.headers),
      peer: peerOf(request),
    };
    if (route.json.takesStream) this.#openStream(context, request);
    else this.#callOnce(context, request);
  }

  /** Of a method that takes one message, whether it gives one or many. */
  #callOnce(context: Omit<CallContext, "onOver">, request: PageRequest): void {
    const { route, response, clock } = context;
    let message: Buffer = NO_MESSAGE;
    const onOver = () => {
      bodyTimer.clear();
      stopReading();
      this.#over(call);
    };
    const call = route.json.givesStream
      ? new StreamJsonCall({ ...context, onOver })
      : new UnaryJsonCall({ ...context, onOver });
    this.#calls.add(call);
    const end = call.callEnd;
    const bodyTimer = clock.after(this.#limits.bodyTimeoutMs, () => {
      if (end.cancel(Status.CANCELLED)) response.destroy();
    });
    const stopReading = readMessages(request, route.json, {
      ...this.#reading(),
      onMessage: (found) => {
        message = found;
      },
      onEnd: () => {
        bodyTimer.clear();
        if (!end.begin()) return;
        const { method } = route;
        if (call instanceof UnaryJsonCall) {
          if (method.kind === "unary") method.handle(call, message);
          return;
        }
        if (method.kind === "stream") method.open(call);
        call.receive(message);
        call.halfClose();
      },
      onRefusal: (refusal) => {
        if (end.finish(refusal.code)) respondRefusal(response, refusal);
      },
    });
    response.on("close", () => end.cancel(Status.CANCELLED));
  }

  /** A body that is no JSON ends what the client sends, and is not answered; as etcd does it. */
  #openStream(context: Omit<CallContext, "onOver">, request: PageRequest): void {
    const { route, response } = context;
    const onOver = () => {
      stopReading();
      this.#over(call);
    };
    const call = new StreamJsonCall({ ...context, onOver });
    this.#calls.add(call);
    const stopReading = readMessages(request, route.json, {
      ...this.#reading(),
      onMessage: (message) => call.receive(message),
      onEnd: () => call.halfClose(),
      onRefusal: () => call.halfClose(),
    });
    response.on("close", () => call.callEnd.cancel(Status.CANCELLED));
    if (call.callEnd.begin() && route.method.kind === "stream") route.method.open(call);
  }

  #reading() {
    const { messageBytesMax } = this.#options;
    return { held: this.#held, limits: this.#limits, messageBytesMax };
  }

  #over(call: UnaryJsonCall | StreamJsonCall): void {
    this.#calls.delete(call);
    if (this.#calls.size === 0) this.#onDrained?.();
  }
}

const NO_MESSAGE = Buffer.alloc(0);

/** Without query and escapes. */
function pathOf(request: PageRequest): string {
  const raw = (request.url ?? "").split("?", 1)[0]!;
  try {
    return decodeURIComponent(raw);
  } catch {
    return raw;
  }
}

function peerOf({ socket }: PageRequest): Peer {
  const { remoteAddress = "", remotePort = 0 } = socket;
  return { socket, address: `${remoteAddress}:${remotePort}`, state: undefined };
}
