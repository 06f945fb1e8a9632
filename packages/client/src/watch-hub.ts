import { status as GrpcStatus } from "@grpc/grpc-js";
import { apiErrorText, etcdserverpb } from "@kvorum/api";
import { ClientError, closedError } from "./client-error.js";
import { LastingStream } from "./lasting-stream.js";
import { limits } from "./limits.js";
import { method } from "./method.js";
import { received, type WatchResponse } from "./responses.js";
import type { Transport } from "./transport.js";
import { Watcher, type WatcherHost } from "./watcher.js";

const { WatchDefinition } = etcdserverpb;
const WATCH = method(WatchDefinition, WatchDefinition.methods.watch);

/**
 * All watchers of a client over one stream, as clientv3 has it. A watcher is in one of four states:
 *
 *   pending --created--> live --canceled--> ended
 *      ^                  |  \
 *      |   stream broken  |   too much unread
 *      +------------------+     \
 *      +---- all was read ---- behind
 *
 * A broken stream is opened again at the next endpoint, and every watcher that was on it asks again
 * from the revision after the last it has seen. A watcher that reads too slowly is taken off and
 * comes back the same way, so that it neither fills the memory nor holds up the others.
 */
export class WatchHub implements WatcherHost {
  readonly #transport: Transport;
  readonly #stream: LastingStream<etcdserverpb.WatchRequest, etcdserverpb.WatchResponse>;
  #nextId = 1n;
  /** Creates that were sent and not answered, in the order of the answers. */
  readonly #pending: { id: bigint; watcher: Watcher }[] = [];
  readonly #live = new Map<bigint, Watcher>();
  readonly #behind = new Set<Watcher>();
  /** Waiting for a stream. */
  readonly #idle = new Set<Watcher>();
  /** Events of responses that came in pieces. */
  readonly #fragments = new Map<bigint, WatchResponse>();

  constructor(transport: Transport) {
    this.#transport = transport;
    this.#stream = new LastingStream(transport, WATCH, {
      opened: () => this.#opened(),
      received: (message) => this.#receive(received(message)),
      broken: (error, isFinal) => this.#broken(error, isFinal),
    });
  }

  add(request: etcdserverpb.WatchCreateRequest): Watcher {
    const watcher = new Watcher(request, this);
    if (this.#transport.isClosed) watcher.fail(closedError());
    else this.#start(watcher);
    return watcher;
  }

  close(): void {
    this.#failAll(closedError());
    this.#stream.end();
  }

  remove(watcher: Watcher): void {
    this.#idle.delete(watcher);
    this.#behind.delete(watcher);
    // A pending one is taken off when its answer comes, because only then its id is known for good.
    this.#takeOff(watcher);
    this.#endIfUnused();
  }

  drained(watcher: Watcher): void {
    if (this.#behind.delete(watcher)) this.#start(watcher);
  }

  requestProgress(): void {
    this.#stream.write({ requestUnion: { $case: "progressRequest", value: {} } });
  }

  #start(watcher: Watcher): void {
    if (!this.#stream.isOpen) {
      this.#idle.add(watcher);
      void this.#stream.open();
      return;
    }
    const id = this.#nextId++;
    this.#pending.push({ id, watcher });
    const value = { ...watcher.request, watchId: id };
    this.#stream.write({ requestUnion: { $case: "createRequest", value } });
  }

  #opened(): void {
    const waiting = [...this.#idle];
    this.#idle.clear();
    for (const watcher of waiting) this.#start(watcher);
    this.#endIfUnused();
  }

  #broken(error: ClientError, isFinal: boolean): boolean {
    for (const { watcher } of this.#pending.splice(0)) {
      if (!watcher.isEnded) this.#idle.add(watcher);
    }
    for (const watcher of this.#live.values()) this.#idle.add(watcher);
    this.#live.clear();
    this.#fragments.clear();
    if (isFinal) this.#failAll(error);
    return this.#idle.size > 0;
  }

  #receive(response: WatchResponse): void {
    if (response.created) this.#created(response);
    if (response.canceled) {
      this.#canceled(response);
    } else if (response.watchId === PROGRESS_TO_ALL) {
      for (const [id, watcher] of this.#live) this.#deliver(id, watcher, response);
    } else if (!response.created) {
      const watcher = this.#live.get(response.watchId);
      if (watcher === undefined) return;
      const whole = this.#whole(response);
      if (whole !== undefined) this.#deliver(response.watchId, watcher, whole);
    }
  }

  #created(response: WatchResponse): void {
    const next = this.#pending.shift();
    if (next === undefined) return;
    const { watcher, id } = next;
    if (response.canceled) {
      watcher.fail(reasonOf(response));
      this.#endIfUnused();
      return;
    }
    this.#live.set(id, watcher);
    // "From now on" has to mean the same now after a reconnection.
    if (watcher.request.startRevision === 0) {
      watcher.request.startRevision = response.header.revision + 1;
    }
    if (watcher.isEnded) this.#takeOff(watcher);
    this.#endIfUnused();
  }

  #canceled(response: WatchResponse): void {
    const watcher = this.#live.get(response.watchId);
    if (watcher === undefined) return;
    // A server keeps a watch that has met a compaction, and sends nobody on the stream his progress,
    // until it is cancelled by its client, too.
    this.#cancelAt(response.watchId);
    watcher.fail(reasonOf(response));
    this.#endIfUnused();
  }

  /** The response with the events of its earlier pieces; undefined before the last piece. */
  #whole(response: WatchResponse): WatchResponse | undefined {
    const earlier = this.#fragments.get(response.watchId);
    if (earlier !== undefined) {
      for (const event of response.events) earlier.events.push(event);
    }
    if (response.fragment) {
      if (earlier === undefined) this.#fragments.set(response.watchId, response);
      return undefined;
    }
    this.#fragments.delete(response.watchId);
    return earlier === undefined ? response : { ...response, events: earlier.events };
  }

  #deliver(id: bigint, watcher: Watcher, response: WatchResponse): void {
    const last = response.events.at(-1)?.kv?.modRevision ?? response.header.revision;
    watcher.request.startRevision = Math.max(watcher.request.startRevision, last + 1);
    if (watcher.push(response) < limits.watchQueueMax) return;
    this.#behind.add(watcher);
    this.#cancelAt(id);
  }

  #takeOff(watcher: Watcher): void {
    for (const [id, live] of this.#live) {
      if (live === watcher) this.#cancelAt(id);
    }
  }

  #cancelAt(id: bigint): void {
    this.#live.delete(id);
    this.#fragments.delete(id);
    this.#stream.write({ requestUnion: { $case: "cancelRequest", value: { watchId: id } } });
  }

  /** Without a watcher there is no stream, so that it does not keep the process alive. */
  #endIfUnused(): void {
    if (this.#live.size + this.#pending.length + this.#idle.size + this.#behind.size > 0) return;
    this.#stream.end();
  }

  #failAll(error: ClientError): void {
    const all = [...this.#idle, ...this.#live.values(), ...this.#behind];
    for (const watcher of all) watcher.fail(error);
    for (const { watcher } of this.#pending.splice(0)) watcher.fail(error);
    this.#idle.clear();
    this.#live.clear();
    this.#behind.clear();
  }
}

/** The watch id of a progress notification that was asked for. */
const PROGRESS_TO_ALL = -1n;

function reasonOf(response: WatchResponse): ClientError {
  const { compactRevision, cancelReason } = response;
  const details = { grpcCode: GrpcStatus.OUT_OF_RANGE, watchResponse: response };
  if (compactRevision > 0) {
    const text = apiErrorText("compacted");
    return new ClientError("OUT_OF_RANGE", text, { ...details, compactRevision });
  }
  if (cancelReason === "") {
    return new ClientError("OUT_OF_RANGE", apiErrorText("futureRevision"), details);
  }
  const grpcCode = GrpcStatus.CANCELLED;
  return new ClientError("CANCELLED", cancelReason, { ...details, grpcCode });
}
