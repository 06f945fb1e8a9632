import { etcdserverpb } from "@kvorum/api";
import { headerRevision, ProtoScan } from "../load/proto-scan.js";
import type { Call, CallConnection } from "../wire/call.js";
import { MESSAGE_PREFIX_BYTES, messageEnd } from "../wire/message-assembler.js";
import type { KnownResponse, KnownResponses } from "./known-responses.js";

export interface WatchCallOptions {
  /** Watchers on this stream; all of one range. */
  readonly watchers: number;
  readonly key: Buffer;
  /** Empty watches one key. */
  readonly rangeEnd: Buffer;
  /** Every watcher has been created. */
  readonly onReady: () => void;
  /** After each message with events: how many it held. */
  readonly onEvents: (count: number, connection: CallConnection) => void;
  /**
   * Responses that were read already, of all calls that share it: what says the same to another
   * watcher is then compared as bytes. Without it every response is read field by field.
   */
  readonly known?: KnownResponses;
  /** Each key-value that is read, as protobuf; for a workload that looks into values. */
  readonly onRecord?: (
    bytes: Buffer,
    bounds: { readonly start: number; readonly end: number },
    connection: CallConnection,
  ) => void;
  readonly onFault: (fault: string) => void;
}

/**
 * A watch stream with many watchers, checked as it goes: every watcher is created once, its events
 * are of its keys, and the revisions that it sees only grow.
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
  createRest(connection: CallConnection): void {
    for (let i = 1; i < this.#options.watchers; i++) connection.send(this, this.#create);
  }

  onMessage(bytes: Buffer, start: number, end: number, connection: CallConnection): void {
    const { known, onEvents } = this.#options;
    const response = known?.match(bytes, start, end);
    if (response === undefined) this.#read(bytes, start, end, connection);
    else {
      this.#saw(known!.watchId, response);
      onEvents(response.events, connection);
    }
  }

  onMessages(bytes: Buffer, start: number, end: number, connection: CallConnection): number {
    const { known, onEvents } = this.#options;
    let at = start;
    let events = 0;
    for (let next = messageEnd(bytes, at, end); next >= 0; next = messageEnd(bytes, at, end)) {
      const response = known?.match(bytes, at + MESSAGE_PREFIX_BYTES, next);
      if (response === undefined) {
        this.#read(bytes, at + MESSAGE_PREFIX_BYTES, next, connection);
        at = next;
        continue;
      }
      this.#saw(known!.watchId, response);
      const more = known!.takeRun(bytes, at, end, response);
      for (let i = 0; i < more; i++) this.#saw(known!.runIds[i]!, response);
      events += (1 + more) * response.events;
      at = next + more * (next - at);
    }
    if (events > 0) onEvents(events, connection);
    return at;
  }

  onEnd(status: number, message: string): void {
    this.#options.onFault(`a watch stream ended with status ${status}: ${message}`);
  }

  #onCreated(): void {
    this.#created++;
    if (this.#created === this.#options.watchers) this.#options.onReady();
  }

  #saw(watchId: number, { first, last }: KnownResponse): void {
    const before = this.#revisions[watchId];
    if (before === undefined) this.#options.onFault(`an event of the watcher ${watchId}`);
    else if (first <= before) this.#options.onFault("a watcher's revisions go back");
    this.#revisions[watchId] = last;
  }

  /** Checks a response field by field. */
  #read(bytes: Buffer, start: number, end: number, connection: CallConnection): void {
    const reply = this.#reply.reset(bytes, start, end);
    const revision = headerRevision(bytes, start, end);
    if (revision < 1) this.#options.onFault("a watch response has no header with a revision");
    let watchId = 0;
    let events = 0;
    let headEnd = start;
    let idEnd = start;
    let first = 0;
    while (reply.next()) {
      if (reply.field === 1) headEnd = idEnd = reply.end;
      else if (reply.field === 2) {
        watchId = reply.varint;
        idEnd = reply.offset;
      } else if (reply.field === 3) this.#onCreated();
      else if (reply.field === 4) this.#options.onFault("a watcher was canceled");
      else if (reply.field === 11) {
        this.#checkEvent(bytes, watchId, connection);
        if (events++ === 0) first = this.#revisions[watchId] ?? 0;
        // With fields between the id and the events it is no response of the usual form.
        if (events === 1 && reply.fieldStart !== idEnd) headEnd = start;
      }
    }
    if (events === 0) return;
    if (headEnd > start) {
      const last = this.#revisions[watchId] ?? 0;
      const learnt = { revision, first, last, events, headEnd, idEnd };
      this.#options.known?.learn(bytes, start, end, learnt);
    }
    this.#options.onEvents(events, connection);
  }

  #checkEvent(bytes: Buffer, watchId: number, connection: CallConnection): void {
    const event = this.#event.reset(bytes, this.#reply.start, this.#reply.end);
    while (event.next()) {
      if (event.field !== 2) continue;
      this.#options.onRecord?.(bytes, event, connection);
      const record = this.#record.reset(bytes, event.start, event.end);
      while (record.next()) {
        if (record.field === 1) this.#checkKey(bytes, record.start, record.end);
        if (record.field !== 3) continue;
        const last = this.#revisions[watchId];
        if (last === undefined) this.#options.onFault(`an event of the watcher ${watchId}`);
        else if (record.varint <= last) this.#options.onFault("a watcher's revisions go back");
        this.#revisions[watchId] = record.varint;
        break;
      }
    }
  }

  #checkKey(bytes: Buffer, start: number, end: number): void {
    const { key, rangeEnd } = this.#options;
    const order = bytes.compare(key, 0, key.length, start, end);
    const isWithin =
      rangeEnd.length === 0
        ? order === 0
        : order >= 0 && bytes.compare(rangeEnd, 0, rangeEnd.length, start, end) < 0;
    if (!isWithin) this.#options.onFault("an event of a key that is not watched");
  }
}
