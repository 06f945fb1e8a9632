import type { etcdserverpb } from "@kvorum/api";
import type { ClientError } from "./client-error.js";
import type { WatchResponse } from "./responses.js";

/** What a watcher asks of the hub that feeds it. */
export interface WatcherHost {
  /** The consumer wants no more. */
  remove(watcher: Watcher): void;
  /** All that had piled up has been read, so the watcher may go on where it was taken off. */
  drained(watcher: Watcher): void;
  requestProgress(): void;
}

/**
 * One watch: an async iterable of responses, each with the events of at least one whole revision,
 * in order, none twice and none left out, over any number of reconnections. Iterating throws the
 * ClientError that ended the watch: of a start that was compacted, one with `compactRevision`.
 * Leaving the loop, or `cancel`, ends the watch.
 */
export class Watcher implements AsyncIterable<WatchResponse> {
  /** For the hub: what to ask for, with `startRevision` moved on by every response. */
  readonly request: etcdserverpb.WatchCreateRequest;
  readonly #host: WatcherHost;
  readonly #queue: WatchResponse[] = [];
  #waiting: { resolve(result: Step): void; reject(error: ClientError): void } | undefined;
  #end: { readonly error: ClientError | undefined } | undefined;

  constructor(request: etcdserverpb.WatchCreateRequest, host: WatcherHost) {
    this.request = request;
    this.#host = host;
  }

  get isEnded(): boolean {
    return this.#end !== undefined;
  }

  /** Ends the watch; what was received and not read is dropped. */
  cancel(): void {
    if (this.#end !== undefined) return;
    this.#queue.length = 0;
    this.fail(undefined);
    this.#host.remove(this);
  }

  /** Asks the server for a progress notification, which comes as a response without events. */
  requestProgress(): void {
    this.#host.requestProgress();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchResponse, void, undefined> {
    try {
      for (let step = await this.#next(); step !== undefined; step = await this.#next()) yield step;
    } finally {
      this.cancel();
    }
  }

  /** For the hub. @returns how many responses wait to be read */
  push(response: WatchResponse): number {
    if (this.#end !== undefined) return 0;
    if (this.#waiting === undefined) return this.#queue.push(response);
    this.#waiting.resolve(response);
    this.#waiting = undefined;
    return 0;
  }

  /** For the hub: ends the watch once all that was received has been read. */
  fail(error: ClientError | undefined): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (error === undefined) waiting?.resolve(undefined);
    else waiting?.reject(error);
  }

  #next(): Promise<Step> {
    const response = this.#queue.shift();
    if (response !== undefined) {
      if (this.#queue.length === 0) this.#host.drained(this);
      return Promise.resolve(response);
    }
    if (this.#end?.error !== undefined) return Promise.reject(this.#end.error);
    if (this.#end !== undefined) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }
}

/** Undefined at the end. */
type Step = WatchResponse | undefined;
