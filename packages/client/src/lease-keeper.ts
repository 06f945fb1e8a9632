import { etcdserverpb } from "@kvorum/api";
import type { Timer } from "@kvorum/base";
import { type ClientError, closedError } from "./client-error.js";
import { LastingStream } from "./lasting-stream.js";
import { limits } from "./limits.js";
import { method } from "./method.js";
import { type LeaseKeepAliveResponse, received } from "./responses.js";
import type { Transport } from "./transport.js";

const { LeaseDefinition } = etcdserverpb;
const KEEP_ALIVE = method(LeaseDefinition, LeaseDefinition.methods.leaseKeepAlive);

export interface KeepListener {
  readonly onResponse: (response: LeaseKeepAliveResponse) => void;
  readonly onEnd: (error: ClientError | undefined) => void;
}

/** A lease that is being kept alive. */
interface Kept {
  readonly id: bigint;
  /** All who want that. */
  readonly listeners: Set<KeepListener>;
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
  readonly #stream: LastingStream<
    etcdserverpb.LeaseKeepAliveRequest,
    etcdserverpb.LeaseKeepAliveResponse
  >;

  constructor(transport: Transport) {
    this.#transport = transport;
    this.#stream = new LastingStream(transport, KEEP_ALIVE, {
      opened: () => this.#opened(),
      received: (message) => this.#receive(received(message)),
      broken: (error, isFinal) => this.#broken(error, isFinal),
    });
  }

  /**
   * Keeps `id` alive until `release`, or until the last of those releases it who want it kept.
   * `onEnd` is called once: with undefined when the server says that the lease is gone, else with
   * the error that ended it.
   */
  keep(id: bigint, listener: KeepListener): void {
    if (this.#transport.isClosed) {
      listener.onEnd(closedError());
      return;
    }
    const known = this.#kept.get(id);
    if (known !== undefined) {
      known.listeners.add(listener);
      if (this.#stream.isOpen) this.#renew(known);
      return;
    }
    // How long the lease lives is known with the first answer.
    const expiresMs = Number.POSITIVE_INFINITY;
    const dialDeadlineMs = this.#transport.clock.nowMs() + this.#transport.dialTimeoutMs;
    const listeners = new Set([listener]);
    const kept: Kept = { id, listeners, timer: undefined, expiresMs, dialDeadlineMs };
    this.#kept.set(id, kept);
    if (this.#stream.isOpen) this.#renew(kept);
    else void this.#stream.open();
  }

  release(id: bigint, listener: KeepListener): void {
    const kept = this.#kept.get(id);
    if (kept?.listeners.delete(listener) && kept.listeners.size === 0) this.#forget(kept);
  }

  close(): void {
    for (const kept of [...this.#kept.values()]) this.#end(kept, closedError());
  }

  #opened(): void {
    if (this.#kept.size === 0) this.#stream.end();
    for (const kept of this.#kept.values()) this.#renew(kept);
  }

  #renew(kept: Kept): void {
    kept.timer?.clear();
    kept.timer = undefined;
    const leftMs = kept.expiresMs - this.#transport.clock.nowMs();
    if (leftMs <= 0) {
      this.#end(kept, undefined);
      return;
    }
    this.#stream.write({ ID: kept.id });
    // Who is not answered in time has lost the lease, even if the connection seems to stand.
    if (leftMs === Number.POSITIVE_INFINITY) return;
    kept.timer = this.#transport.clock.after(leftMs, () => this.#renew(kept));
  }

  #receive(response: LeaseKeepAliveResponse): void {
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
    for (const listener of [...kept.listeners]) listener.onResponse(response);
  }

  /** Leases that may still live are kept on the next stream. */
  #broken(error: ClientError, isFinal: boolean): boolean {
    for (const kept of [...this.#kept.values()]) {
      const now = this.#transport.clock.nowMs();
      const isUnanswered = kept.expiresMs === Number.POSITIVE_INFINITY;
      const isHopeless = isFinal || (isUnanswered && now >= kept.dialDeadlineMs);
      if (isHopeless) this.#end(kept, error);
      else if (now >= kept.expiresMs) this.#end(kept, undefined);
    }
    return this.#kept.size > 0;
  }

  #end(kept: Kept, error: ClientError | undefined): void {
    if (this.#kept.get(kept.id) !== kept) return;
    this.#forget(kept);
    for (const listener of kept.listeners) listener.onEnd(error);
  }

  #forget(kept: Kept): void {
    kept.timer?.clear();
    this.#kept.delete(kept.id);
    if (this.#kept.size === 0) this.#stream.end();
  }
}
