import { etcdserverpb } from "@kvorum/api";
import { headerRevision, ProtoScan } from "../load/proto-scan.js";
import type { Call } from "../wire/call.js";
import type { ClientConnection } from "../wire/connection.js";

export interface WatchCallOptions {
  /** Watchers on this stream; all of one range. */
  readonly watchers: number;
  readonly key: Buffer;
  /** Empty watches one key. */
  readonly rangeEnd: Buffer;
  /** Every watcher has been created. */
  readonly onReady: () => void;
  /** After each message with events: how many it held. */
  readonly onEvents: (count: number, connection: ClientConnection) => void;
  /** Each key-value of an event, as protobuf; for a workload that looks into values. */
  readonly onRecord?: (
    bytes: Buffer,
    bounds: { readonly start: number; readonly end: number },
    connection: ClientConnection,
  ) => void;
  readonly onFault: (fault: string) => void;
}

/**
 * A watch stream with many watchers, checked as it goes: every watcher is created once, and the
 * revisions that a watcher sees only grow.
 *
 *     WatchResponse { header = 1, watch_id = 2, created = 3, canceled = 4, events = 11 }
 *     Event { type = 1, kv = 2 { key = 1, create_revision = 2, mod_revision = 3, ... } }
 */
export class WatchCall implements Call {
  readonly path = "/etcdserverpb.Watch/Watch";
  readonly keepsOpen = true;
  streamId = 0;
  readonly #options: WatchCallOptions;
  readonly #create: Buffer;
  /** The last revision seen, by watch id. */
  readonly #revisions: number[];
  readonly #reply = new ProtoScan();
  readonly #event = new ProtoScan();
  readonly #record = new ProtoScan();
  #created = 0;

  constructor(options: WatchCallOptions) {
    this.#options = options;
    const { key, rangeEnd } = options;
    const value = etcdserverpb.WatchCreateRequest.fromPartial({ key, rangeEnd });
    const request = { requestUnion: { $case: "createRequest" as const, value } };
    this.#create = Buffer.from(etcdserverpb.WatchRequest.encode(request).finish());
    this.#revisions = new Array<number>(options.watchers).fill(0);
  }

  get requestBytesMax(): number {
    return this.#create.length;
  }

  write(into: Buffer, at: number): number {
    return at + this.#create.copy(into, at);
  }

  /** Asks for the watchers beyond the first, which the start of the call asks for. */
  createRest(connection: ClientConnection): void {
    for (let i = 1; i < this.#options.watchers; i++) connection.send(this, this.#create);
  }

  onMessage(bytes: Buffer, start: number, end: number, connection: ClientConnection): void {
    const reply = this.#reply.reset(bytes, start, end);
    let watchId = 0;
    let events = 0;
    while (reply.next()) {
      if (reply.field === 2) watchId = reply.varint;
      else if (reply.field === 3) this.#onCreated();
      else if (reply.field === 4) this.#options.onFault("a watcher was canceled");
      else if (reply.field === 11) {
        this.#checkEvent(bytes, watchId, connection);
        events++;
      }
    }
    if (headerRevision(bytes, start, end) < 1) {
      this.#options.onFault("a watch response has no header with a revision");
    }
    if (events > 0) this.#options.onEvents(events, connection);
  }

  onEnd(status: number, message: string): void {
    this.#options.onFault(`a watch stream ended with status ${status}: ${message}`);
  }

  #onCreated(): void {
    this.#created++;
    if (this.#created === this.#options.watchers) this.#options.onReady();
  }

  #checkEvent(bytes: Buffer, watchId: number, connection: ClientConnection): void {
    const event = this.#event.reset(bytes, this.#reply.start, this.#reply.end);
    while (event.next()) {
      if (event.field !== 2) continue;
      this.#options.onRecord?.(bytes, event, connection);
      const record = this.#record.reset(bytes, event.start, event.end);
      while (record.next()) {
        if (record.field !== 3) continue;
        const last = this.#revisions[watchId];
        if (last === undefined) this.#options.onFault(`an event of the watcher ${watchId}`);
        else if (record.varint <= last) this.#options.onFault("a watcher's revisions go back");
        this.#revisions[watchId] = record.varint;
        break;
      }
    }
  }
}
