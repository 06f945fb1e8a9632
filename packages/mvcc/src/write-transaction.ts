import {
  apiError,
  type etcdserverpb,
  type RawDeleteRangeResponse,
  type RawKeyValue,
  type RawPutResponse,
} from "@kvorum/api";
import { bytesToLatin1 } from "@kvorum/base";
import type { FoundRevision } from "./key-index.js";
import {
  encodeDeleted,
  encodeKeyValue,
  KeyValueReader,
  sizeOfKeyAlone,
  sizeOfKeyValue,
  writeKeyAlone,
  writeKeyValue,
} from "./key-value.js";
import { type StoreState, toKeyRange } from "./store-state.js";
import type { StoreEvent } from "./types.js";

/**
 * Step 10 of the write path: all changes of one main revision. Each change is visible to the reads
 * that follow within the transaction; `end` makes them the current revision and tells the watchers.
 * Nothing here is undone: whatever can be refused is refused before the first change.
 */
export class WriteTransaction {
  readonly #state: StoreState;
  readonly #main: number;
  readonly #isWatched: boolean;
  /** Undefined while nobody watches. */
  #events: StoreEvent[] | undefined;
  #sub = 0;

  constructor(state: StoreState) {
    this.#state = state;
    this.#main = state.currentRevision + 1;
    this.#isWatched = state.watchSink?.isWatched ?? false;
  }

  /** What a read in the transaction sees, and its header says: one more once anything changed. */
  get revision(): number {
    return this.#sub === 0 ? this.#main - 1 : this.#main;
  }

  /** `checkPut` has passed. The request's bytes are copied. */
  put(request: etcdserverpb.PutRequest): RawPutResponse {
    let { value, lease } = request;
    let prevKv: RawKeyValue | undefined;
    if (request.prevKv || request.ignoreValue || request.ignoreLease) {
      const previous = this.#read(bytesToLatin1(request.key));
      if (request.prevKv) prevKv = previous;
      // A delete up to "\0" earlier in the same transaction may have removed the key that the check
      // has seen; etcd crashes then, here it counts as empty.
      if (previous === undefined) previousKv.read(EMPTY);
      else previousKv.read(previous);
      if (request.ignoreValue) value = previousKv.value();
      if (request.ignoreLease) lease = previousKv.lease;
    }
    this.#put(request.key, value, lease);
    return { kind: "put", revision: this.#main, prevKv };
  }

  deleteRange(request: etcdserverpb.DeleteRangeRequest): RawDeleteRangeResponse {
    const { index, reader } = this.#state;
    const prevKvs: RawKeyValue[] = [];
    const subBefore = this.#sub;
    const readPrevious = (): void => {
      if (request.prevKv) prevKvs.push(reader.read(found.main, found.sub));
    };
    if (request.rangeEnd.length === 0) {
      const key = bytesToLatin1(request.key);
      if (index.find(key, this.revision, found)) {
        readPrevious();
        this.delete(key);
      }
    } else {
      const range = toKeyRange(request.key, request.rangeEnd);
      const at = { main: this.#main, firstSub: this.#sub };
      index.tombstoneRange(range, at, found, (key, lease) => {
        readPrevious();
        this.#deleted(key, lease);
      });
    }
    const deleted = this.#sub - subBefore;
    return { kind: "deleteRange", revision: this.revision, deleted, prevKvs };
  }

  /** Deletes a key that exists. */
  delete(key: string): void {
    this.#deleted(key, this.#state.index.tombstone(key, this.#main, this.#sub));
  }

  end(): void {
    if (this.#sub === 0) return;
    const { watchSink, counters } = this.#state;
    this.#state.currentRevision = this.#main;
    if (watchSink === undefined) return;
    counters.events += this.#sub;
    if (this.#events === undefined) watchSink.passed(this.#main);
    else watchSink.notify({ main: this.#main, events: this.#events });
  }

  /** What is left to do once the index holds the tombstone at the next sub. */
  #deleted(key: string, lease: bigint): void {
    const { records, reader, leases, counters, slab } = this.#state;
    const main = this.#main;
    const sub = this.#sub++;
    const { bytes, start, end } = records.addRecord(main, sub, sizeOfKeyAlone(key), true);
    const keyStart = writeKeyAlone(key, bytes, start);
    reader.latest.remove(bytes, keyStart, end);
    if (lease !== 0n) leases.detach({ key, lease });
    counters.deletes++;
    if (!this.#isWatched) return;
    const kv = encodeDeleted(key, main, slab);
    this.#note({ type: "delete", key, revision: { main, sub }, kv, isCreate: false });
  }

  #put(key: Uint8Array, value: Uint8Array, lease: bigint): void {
    const { index, records, reader, leases, counters, slab } = this.#state;
    const main = this.#main;
    const sub = this.#sub++;
    // ignore_lease may carry over a lease that is gone: the record names it, nothing is attached.
    const attached = lease !== 0n && leases.has(lease) ? lease : 0n;
    const known = reader.latest.seek(key);
    const outcome =
      known?.isLive === true
        ? index.putLive(known, main, sub, attached)
        : index.put(bytesToLatin1(key), main, sub, attached);
    const { created, version, previousLease } = outcome;
    const fields = { key, createRevision: created, modRevision: main, version, value, lease };
    const place = records.addRecord(main, sub, sizeOfKeyValue(fields), false);
    writeKeyValue(fields, place.bytes, place.start);
    if (version === 1) reader.latest.putNew(key, place);
    else reader.latest.putSought(key, place, outcome.entry);
    counters.puts++;
    counters.putBytes += key.length + value.length;
    if (attached === 0n && previousLease === 0n && !this.#isWatched) return;
    const text = bytesToLatin1(key);
    if (attached !== 0n) leases.attach({ key: text, lease: attached, previous: previousLease });
    else if (previousLease !== 0n) leases.detach({ key: text, lease: previousLease });
    if (!this.#isWatched) return;
    const isCreate = created === main;
    const kv = encodeKeyValue(fields, slab);
    this.#note({ type: "put", key: text, revision: { main, sub }, kv, isCreate });
  }

  /** Most revisions have one event: a list that begins with it has no room for more. */
  #note(event: StoreEvent): void {
    if (this.#events === undefined) this.#events = [event];
    else this.#events.push(event);
  }

  #read(key: string): RawKeyValue | undefined {
    const isFound = this.#state.index.find(key, this.revision, found);
    return isFound ? this.#state.reader.read(found.main, found.sub) : undefined;
  }
}

/**
 * What a put needs of the state before its transaction.
 * @throws ApiError leaseNotFound | keyNotFound
 */
export function checkPut(state: StoreState, request: etcdserverpb.PutRequest): void {
  if (request.lease !== 0n && !state.leases.has(request.lease)) throw apiError("leaseNotFound");
  if (request.ignoreValue || request.ignoreLease) {
    if (!state.index.isLive(bytesToLatin1(request.key))) throw apiError("keyNotFound");
  }
}

const EMPTY = Buffer.alloc(0);
const previousKv = new KeyValueReader();
const found: FoundRevision = { main: 0, sub: 0, created: 0, version: 0 };
