import {
  type ClientDuplexStream,
  type ClientReadableStream,
  type CallOptions as GrpcCallOptions,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import type { Clock } from "@kvorum/base";
import { nodeClock } from "@kvorum/base/node";
import { Authenticator } from "./authenticator.js";
import {
  asClientError,
  type ClientError,
  canceledError,
  closedError,
  deadlineError,
} from "./client-error.js";
import type { CallOptions, ClientOptions, EndpointCallOptions } from "./client-options.js";
import { Connections } from "./connections.js";
import { limits } from "./limits.js";
import type { Method } from "./method.js";

/**
 * Whether a request may be sent again after it failed. A "read" may whenever its server was
 * unavailable; a "write" only when it surely never left this process.
 */
export type Safety = "read" | "write";

/**
 * Sends requests to the endpoints in turn, with deadline, token and failover. Everything above it
 * deals in messages only.
 */
export class Transport {
  readonly clock: Clock;
  readonly dialTimeoutMs: number;
  readonly #connections: Connections;
  readonly #authenticator: Authenticator;
  readonly #requestTimeoutMs: number | undefined;
  /** Calls that end when the transport is closed: a closed channel lets them go on. */
  readonly #underWay = new Set<Cancellable>();
  #isClosed = false;

  /** @throws ClientError "OPTIONS" */
  constructor(options: ClientOptions) {
    this.clock = options.clock ?? nodeClock;
    this.#connections = new Connections(options);
    this.#authenticator = new Authenticator(options.auth);
    this.dialTimeoutMs = options.dialTimeoutMs ?? limits.dialTimeoutMs;
    this.#requestTimeoutMs = options.requestTimeoutMs;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** One request, one response. @throws ClientError */
  async unary<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    safety: Safety,
    options: EndpointCallOptions = {},
  ): Promise<Response> {
    const call = this.#begin(options);
    let tokenRenewals = 0;
    let refusal: ClientError | undefined;
    for (let attempt = 1; ; attempt++) {
      try {
        const metadata = await this.#metadata(call);
        return await this.#attempt(method, request, { metadata, call });
      } catch (cause) {
        // What grpc-js says of a call that was cancelled here depends on how far it had come.
        if (call.signal?.aborted) throw canceledError(call.signal.reason);
        if (this.#isClosed) throw closedError();
        const error = asClientError(cause);
        if (this.#authenticator.isStale(error) && tokenRenewals++ === 0) {
          this.#authenticator.forget();
          continue;
        }
        if (!mayRetry(error, safety)) throw whyLate(error, refusal);
        if (!error.isUnsent && attempt >= limits.attemptsMax) throw error;
        refusal = error;
        await this.#beforeRetry(call, error, attempt);
      }
    }
  }

  /** Fetches the user's token now, if there is a user. @throws ClientError */
  async authenticate(options: CallOptions): Promise<void> {
    const call = this.#begin(options);
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#metadata(call);
        return;
      } catch (cause) {
        const error = asClientError(cause);
        if (!mayRetry(error, "read") || attempt >= limits.attemptsMax) throw error;
        await this.#beforeRetry(call, error, attempt);
      }
    }
  }

  /** One request, a stream of responses; no failover. The stream's errors are ServiceErrors. */
  async serverStream<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    options: EndpointCallOptions = {},
  ): Promise<ClientReadableStream<Response>> {
    const call = this.#begin(options);
    const metadata = await this.#metadata(call);
    if (options.signal?.aborted) throw canceledError(options.signal.reason);
    // Until its deadline a call waits for a connection; without one it fails with the first refusal.
    metadata.setOptions({ waitForReady: call.deadlineMs !== undefined });
    const stream = this.#connections
      .pick(call.endpoint)
      .makeServerStreamRequest(
        method.path,
        method.serialize,
        method.deserialize,
        request,
        metadata,
        grpcOptions(call),
      );
    this.#watchOver(stream, options.signal);
    return stream;
  }

  /** A stream both ways at the next endpoint. Its errors are ServiceErrors. */
  async bidiStream<Request, Response>(
    method: Method<Request, Response>,
  ): Promise<ClientDuplexStream<Request, Response>> {
    const metadata = await this.#metadata(this.#begin({}));
    return this.#connections
      .pick(undefined)
      .makeBidiStreamRequest(method.path, method.serialize, method.deserialize, metadata);
  }

  /** A stream that was refused for its token: the next one gets a new token. */
  forgetTokenOf(error: ClientError): boolean {
    if (!this.#authenticator.isStale(error)) return false;
    this.#authenticator.forget();
    return true;
  }

  close(): void {
    this.#isClosed = true;
    for (const call of this.#underWay) call.cancel();
    this.#connections.close();
  }

  #begin(options: EndpointCallOptions): Call {
    if (this.#isClosed) throw closedError();
    if (options.signal?.aborted) throw canceledError(options.signal.reason);
    const timeoutMs = options.timeoutMs ?? this.#requestTimeoutMs;
    const now = this.clock.nowMs();
    return {
      endpoint: options.endpoint,
      signal: options.signal,
      deadlineMs: timeoutMs === undefined ? undefined : now + timeoutMs,
      grpcDeadlineMs: timeoutMs === undefined ? undefined : this.clock.wallMs() + timeoutMs,
      dialDeadlineMs: now + this.dialTimeoutMs,
    };
  }

  async #metadata(call: Call): Promise<Metadata> {
    const metadata = new Metadata();
    metadata.set("client-api-version", "3.7");
    metadata.set("hasleader", "true");
    const token = await this.#authenticator.token((method, request) =>
      this.#attempt(method, request, { metadata: new Metadata(), call }),
    );
    if (token !== undefined) metadata.set("token", token);
    return metadata;
  }

  #attempt<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    { metadata, call }: { readonly metadata: Metadata; readonly call: Call },
  ): Promise<Response> {
    // The caller may have given up while a token was fetched or another attempt was waited for.
    if (call.signal?.aborted) return Promise.reject(canceledError(call.signal.reason));
    return new Promise((resolve, reject) => {
      const emitter = this.#connections
        .pick(call.endpoint)
        .makeUnaryRequest(
          method.path,
          method.serialize,
          method.deserialize,
          request,
          metadata,
          grpcOptions(call),
          (error: ServiceError | null, response?: Response) => {
            if (error) reject(error);
            else resolve(response!);
          },
        );
      this.#watchOver(emitter, call.signal);
    });
  }

  /** Ends a call when the transport is closed or `signal` fires, unless it has ended before. */
  #watchOver(call: Cancellable, signal: AbortSignal | undefined): void {
    const cancel = () => call.cancel();
    this.#underWay.add(call);
    signal?.addEventListener("abort", cancel, { once: true });
    call.once("status", () => {
      this.#underWay.delete(call);
      signal?.removeEventListener("abort", cancel);
    });
  }

  /** Waits a little once every endpoint has failed. @throws ClientError when time is up */
  async #beforeRetry(call: Call, error: ClientError, attempt: number): Promise<void> {
    const now = this.clock.nowMs();
    if (call.deadlineMs === undefined && now >= call.dialDeadlineMs) throw error;
    const { count } = this.#connections;
    const rounds = call.endpoint === undefined ? attempt / count : attempt;
    if (!Number.isInteger(rounds)) return;
    const leftMs = (call.deadlineMs ?? call.dialDeadlineMs) - now;
    const waitMs = Math.min(limits.retryWaitMs * 2 ** (rounds - 1), limits.retryWaitMsMax, leftMs);
    await new Promise<void>((resolve) => this.clock.after(waitMs, resolve));
    if (call.deadlineMs !== undefined && this.clock.nowMs() >= call.deadlineMs) {
      throw deadlineError(error);
    }
  }
}

/** A call of grpc-js. */
interface Cancellable {
  cancel(): void;
  once(event: "status", listener: () => void): unknown;
}

/** A call under way, over all its attempts. */
interface Call {
  readonly endpoint: string | undefined;
  readonly signal: AbortSignal | undefined;
  /** By the monotonic clock. */
  readonly deadlineMs: number | undefined;
  /** The same by the wall clock, which is the one gRPC asks for. */
  readonly grpcDeadlineMs: number | undefined;
  readonly dialDeadlineMs: number;
}

function grpcOptions(call: Call): GrpcCallOptions {
  return call.grpcDeadlineMs === undefined ? {} : { deadline: call.grpcDeadlineMs };
}

function mayRetry(error: ClientError, safety: Safety): boolean {
  if (error.code !== "UNAVAILABLE") return false;
  return error.isUnsent || safety === "read";
}

/** A deadline that passed while an attempt waited for a connection: the last refusal says why. */
function whyLate(error: ClientError, refusal: ClientError | undefined): ClientError {
  const isLate = error.code === "DEADLINE_EXCEEDED" && refusal !== undefined;
  return isLate ? deadlineError(refusal) : error;
}
