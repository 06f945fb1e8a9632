import type { ClientDuplexStream } from "@grpc/grpc-js";
import { etcdserverpb } from "@kvorum/api";
import type { Timer } from "@kvorum/base";
import { asClientError, ClientError, closedError } from "./client-error.js";
import { limits } from "./limits.js";
import { method } from "./method.js";
import { type LeaseKeepAliveResponse, received } from "./responses.js";
import type { Transport } from "./transport.js";

const { LeaseDefinition } = etcdserverpb;
const KEEP_ALIVE = method(LeaseDefinition, LeaseDefinition.methods.leaseKeepAlive);

type Stream = ClientDuplexStream<
  etcdserverpb.LeaseKeepAliveRequest,
  etcdserverpb.LeaseKeepAliveResponse
>;

export interface KeepListener {
  readonly onResponse: (response: LeaseKeepAliveResponse) => void;
  readonly onEnd: (error: ClientError | undefined) => void;
}

/** A lease that is being kept alive. */
interface Kept extends KeepListener {
  readonly id: bigint;
  timer: Timer | undefined;
  /** By the monotonic clock: when the lease is gone unless it was renewed. */
  expiresMs: number;
  /** Before the first answer: when to stop trying. */
  readonly dialDeadlineMs: number;
}

/**
 * Renews leases over one stream: each at once, and then whenever a third of its TTL has gone by. A
 * broken stream is opened again at the next endpoint for as long as the leases may still live.
 */
export class LeaseKeeper {
  readonly #transport: Transport;
  readonly #kept = new Map<bigint, Kept>();
  #stream: Stream | undefined;
  #isOpening = false;
  #reopenTimer: Timer | undefined;
  #failures = 0;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Keeps `id` alive until `release`. `onEnd` is called once: with undefined when the server says
   * that the lease is gone, else with the error that ended it.
   */
  keep(id: bigint, listener: KeepListener): void {
    if (this.#transport.isClosed) {
      listener.onEnd(closedError());
      return;
    }
    this.release(id);
    // How long the lease lives is known with the first answer.
    const expiresMs = Number.POSITIVE_INFINITY;
    const dialDeadlineMs = this.#transport.clock.nowMs() + this.#transport.dialTimeoutMs;
    const kept: Kept = { id, ...listener, timer: undefined, expiresMs, dialDeadlineMs };
    this.#kept.set(id, kept);
    if (this.#stream === undefined) void this.#open();
    else this.#renew(kept);
  }

  release(id: bigint): void {
    this.#kept.get(id)?.timer?.clear();
    this.#kept.delete(id);
    if (this.#kept.size === 0) this.#endStream();
  }

  close(): void {
    for (const kept of [...this.#kept.values()]) this.#end(kept, closedError());
  }

  async #open(): Promise<void> {
    if (this.#isOpening || this.#reopenTimer !== undefined || this.#transport.isClosed) return;
    this.#isOpening = true;
    try {
      this.#adopt(await this.#transport.bidiStream(KEEP_ALIVE));
    } catch (error) {
      this.#broken(asClientError(error));
    } finally {
      this.#isOpening = false;
    }
  }

  #adopt(stream: Stream): void {
    this.#stream = stream;
    stream.on("data", (message: etcdserverpb.LeaseKeepAliveResponse) => {
      if (stream === this.#stream) this.#receive(received(message));
    });
    stream.once("error", (error: unknown) => {
      if (stream === this.#stream) this.#broken(asClientError(error));
    });
    stream.once("end", () => {
      const text = "the keepalive stream has ended";
      if (stream === this.#stream) this.#broken(new ClientError("UNAVAILABLE", text));
    });
    if (this.#kept.size === 0) this.#endStream();
    for (const kept of this.#kept.values()) this.#renew(kept);
  }

  #renew(kept: Kept): void {
    kept.timer?.clear();
    kept.timer = undefined;
    if (this.#transport.clock.nowMs() >= kept.expiresMs) {
      this.#end(kept, undefined);
      return;
    }
    this.#stream?.write({ ID: kept.id });
  }

  #receive(response: LeaseKeepAliveResponse): void {
    this.#failures = 0;
    const kept = this.#kept.get(response.ID);
    if (kept === undefined) return;
    if (response.TTL <= 0) {
      this.#end(kept, undefined);
      return;
    }
    const ttlMs = response.TTL * 1_000;
    kept.expiresMs = this.#transport.clock.nowMs() + ttlMs;
    kept.timer?.clear();
    const waitMs = ttlMs / limits.keepalivesPerTtl;
    kept.timer = this.#transport.clock.after(waitMs, () => this.#renew(kept));
    kept.onResponse(response);
  }

  #broken(error: ClientError): void {
    this.#endStream();
    const isPassing = error.code === "UNAVAILABLE" || error.code === "INTERNAL";
    const isOver = !isPassing && !this.#transport.forgetTokenOf(error);
    for (const kept of [...this.#kept.values()]) {
      const now = this.#transport.clock.nowMs();
      const isUnanswered = kept.expiresMs === Number.POSITIVE_INFINITY;
      const isHopeless = isOver || (isUnanswered && now >= kept.dialDeadlineMs);
      if (isHopeless) this.#end(kept, error);
      else if (now >= kept.expiresMs) this.#end(kept, undefined);
    }
    if (this.#kept.size === 0 || this.#transport.isClosed) return;
    const waitMs = Math.min(limits.reopenWaitMs * 2 ** this.#failures, limits.reopenWaitMsMax);
    this.#failures = Math.min(this.#failures + 1, 16);
    this.#reopenTimer = this.#transport.clock.after(waitMs, () => {
      this.#reopenTimer = undefined;
      void this.#open();
    });
  }

  #end(kept: Kept, error: ClientError | undefined): void {
    if (this.#kept.get(kept.id) !== kept) return;
    this.release(kept.id);
    kept.onEnd(error);
  }

  #endStream(): void {
    this.#reopenTimer?.clear();
    this.#reopenTimer = undefined;
    const stream = this.#stream;
    this.#stream = undefined;
    // Its outcome is known; a late event must not be an unhandled one.
    stream?.on("error", () => undefined);
    stream?.cancel();
  }
}
