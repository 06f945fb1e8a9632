import { etcdserverpb, mvccpb } from "@kvorum/api";
import { crc32c } from "@node-rs/crc32";
import type { PlainKeyValue } from "./requests.js";

/** A change of one key in the model's history, which is never shortened. */
interface Change extends PlainKeyValue {
  readonly sub: number;
  readonly isTombstone: boolean;
}

export interface ModelRange {
  readonly kvs: readonly PlainKeyValue[];
  readonly more: boolean;
  readonly count: number;
  readonly revision: number;
}

/** A refusal, by the name that the error table gives it. */
export class Refusal extends Error {}

const { RangeRequest_SortOrder: Order, RangeRequest_SortTarget: By } = etcdserverpb;
const { Compare_CompareResult: Result, Compare_CompareTarget: Target } = etcdserverpb;

/**
 * The store written down as plainly as its rules: one list of changes, every question answered by
 * going through it. Keys and values are latin1 texts.
 */
export class ModelStore {
  readonly changes: Change[] = [];
  readonly leases = new Map<bigint, Set<string>>();
  revision = 1;
  compactRevision = -1;
  /** What bucket "key" holds once compactions are done. */
  stored: Change[] = [];

  /** The newest change at or before `at` of each key that exists then, in key order. */
  live(at: number): Change[] {
    const newest = new Map<string, Change>();
    for (const change of this.changes) if (change.mod <= at) newest.set(change.key, change);
    const found = [...newest.values()].filter((change) => !change.isTombstone);
    return found.sort((left, right) => (left.key < right.key ? -1 : 1));
  }

  inRange(request: { key: Uint8Array; rangeEnd: Uint8Array }, at: number): Change[] {
    const key = text(request.key);
    const end = text(request.rangeEnd);
    return this.live(at).filter((change) => {
      if (end === "") return change.key === key;
      return change.key >= key && (end === "\0" || change.key < end);
    });
  }

  range(request: etcdserverpb.RangeRequest, current = this.revision): ModelRange {
    if (request.revision > current) throw new Refusal("futureRevision");
    const at = request.revision <= 0 ? current : request.revision;
    if (at < this.compactRevision) throw new Refusal("compacted");
    const all = this.inRange(request, at);
    const count = all.length;
    if (request.countOnly) return { kvs: [], more: false, count, revision: current };
    const { sortOrder, sortTarget, limit } = request;
    const isFiltered =
      request.minModRevision !== 0 ||
      request.maxModRevision !== 0 ||
      request.minCreateRevision !== 0 ||
      request.maxCreateRevision !== 0;
    const isNatural =
      sortOrder === Order.NONE || (sortTarget === By.KEY && sortOrder === Order.ASCEND);
    let kvs = isNatural && !isFiltered && limit > 0 ? all.slice(0, limit + 1) : all;
    if (request.maxModRevision !== 0) kvs = kvs.filter((kv) => kv.mod <= request.maxModRevision);
    if (request.minModRevision !== 0) kvs = kvs.filter((kv) => kv.mod >= request.minModRevision);
    if (request.maxCreateRevision !== 0) {
      kvs = kvs.filter((kv) => kv.create <= request.maxCreateRevision);
    }
    if (request.minCreateRevision !== 0) {
      kvs = kvs.filter((kv) => kv.create >= request.minCreateRevision);
    }
    const sign = sortOrder === Order.DESCEND ? -1 : 1;
    const sorted = kvs.toSorted((left, right) => sign * order(left, right, sortTarget));
    const more = limit > 0 && sorted.length > limit;
    const cut = (more ? sorted.slice(0, limit) : sorted).map(plainOf);
    if (!request.keysOnly) return { kvs: cut, more, count, revision: current };
    const hasLease = sortTarget === By.VALUE;
    const emptied = cut.map((kv) => ({ ...kv, value: "", lease: hasLease ? kv.lease : 0n }));
    return { kvs: emptied, more, count, revision: current };
  }

  checkPut(request: etcdserverpb.PutRequest): void {
    if (request.lease !== 0n && !this.leases.has(request.lease)) throw new Refusal("leaseNotFound");
    const isKnown = this.live(this.revision).some(({ key }) => key === text(request.key));
    if ((request.ignoreValue || request.ignoreLease) && !isKnown) throw new Refusal("keyNotFound");
  }

  /** Begins a revision; its changes are seen by reads at `main`. */
  begin(): ModelTransaction {
    return new ModelTransaction(this);
  }

  holds(compare: etcdserverpb.Compare): boolean {
    const kvs = this.inRange(compare, this.revision);
    if (kvs.length === 0) {
      if (compare.target === Target.VALUE) return false;
      const zero = { key: "", create: 0, mod: 0, version: 0, value: "", lease: 0n };
      return satisfies(compare, zero);
    }
    return kvs.every((kv) => satisfies(compare, kv));
  }

  compact(revision: number): void {
    if (revision <= this.compactRevision) throw new Refusal("compacted");
    if (revision > this.revision) throw new Refusal("futureRevision");
    this.compactRevision = revision;
    const keep = this.keepSet(revision, { dropsTombstones: false });
    this.stored = this.stored.filter((change) => change.mod > revision || keep.has(change));
  }

  /** By the rule of spec §6, from the changes alone. */
  keepSet(at: number, options: { readonly dropsTombstones: boolean }): Set<Change> {
    const kept = new Set<Change>();
    for (const key of new Set(this.changes.map((change) => change.key))) {
      const generations: Change[][] = [[]];
      for (const change of this.changes.filter((candidate) => candidate.key === key)) {
        generations.at(-1)!.push(change);
        if (change.isTombstone) generations.push([]);
      }
      const ended = generations.slice(0, -1);
      const found = ended.findIndex((generation) => generation.at(-1)!.mod >= at);
      const chosen = generations.at(found)!;
      // A put after its key's tombstone within revision `at` itself: kept, where etcd loses it.
      const later = found === -1 ? [] : generations.slice(found + 1).flat();
      if (!options.dropsTombstones) for (const c of later) if (c.mod <= at) kept.add(c);
      const newest = chosen.findLast((change) => change.mod <= at);
      if (newest === undefined || (options.dropsTombstones && newest.isTombstone)) continue;
      kept.add(newest);
    }
    return kept;
  }

  /** By the rule of spec §7; compactions must be done. */
  hashKv(revision: number): number {
    const keep = this.keepSet(revision, { dropsTombstones: true });
    const counted = this.stored.filter((change) => {
      if (change.mod > revision) return false;
      if (change.mod <= this.compactRevision && keep.size > 0 && !keep.has(change)) return false;
      return !(change.mod === this.compactRevision && change.isTombstone);
    });
    return hashOf(counted);
  }
}

/** One revision in the making. */
export class ModelTransaction {
  readonly #model: ModelStore;
  readonly #main: number;
  #sub = 0;

  constructor(model: ModelStore) {
    this.#model = model;
    this.#main = model.revision + 1;
  }

  get revision(): number {
    return this.#sub === 0 ? this.#main - 1 : this.#main;
  }

  put(request: etcdserverpb.PutRequest): { prevKv: PlainKeyValue | undefined; revision: number } {
    const key = text(request.key);
    const previous = this.#model.live(this.revision).find((kv) => kv.key === key);
    const lease = request.ignoreLease ? (previous?.lease ?? 0n) : request.lease;
    for (const attached of this.#model.leases.values()) attached.delete(key);
    this.#model.leases.get(lease)?.add(key);
    this.#add({
      key,
      create: previous?.create ?? this.#main,
      mod: this.#main,
      version: (previous?.version ?? 0) + 1,
      value: request.ignoreValue ? (previous?.value ?? "") : text(request.value),
      lease,
      isTombstone: false,
    });
    const prevKv = request.prevKv && previous !== undefined ? plainOf(previous) : undefined;
    return { prevKv, revision: this.revision };
  }

  deleteRange(request: etcdserverpb.DeleteRangeRequest): {
    deleted: number;
    prevKvs: PlainKeyValue[];
    revision: number;
  } {
    const found = this.#model.inRange(request, this.revision);
    for (const { key } of found) this.delete(key);
    const prevKvs = request.prevKv ? found.map(plainOf) : [];
    return { deleted: found.length, prevKvs, revision: this.revision };
  }

  delete(key: string): void {
    for (const attached of this.#model.leases.values()) attached.delete(key);
    const zero = { create: 0, version: 0, value: "", lease: 0n };
    this.#add({ ...zero, key, mod: this.#main, isTombstone: true });
  }

  end(): void {
    this.#model.revision = this.revision;
  }

  #add(change: Omit<Change, "sub">): void {
    const numbered = { ...change, sub: this.#sub++ };
    this.#model.changes.push(numbered);
    this.#model.stored.push(numbered);
  }
}

export function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

function plainOf({ key, create, mod, version, value, lease }: Change): PlainKeyValue {
  return { key, create, mod, version, value, lease };
}

function order(left: Change, right: Change, by: etcdserverpb.RangeRequest_SortTarget): number {
  if (by === By.VERSION) return left.version - right.version;
  if (by === By.CREATE) return left.create - right.create;
  if (by === By.MOD) return left.mod - right.mod;
  if (by === By.VALUE) return left.value < right.value ? -1 : left.value > right.value ? 1 : 0;
  return left.key < right.key ? -1 : left.key > right.key ? 1 : 0;
}

function satisfies(
  { target, targetUnion, result }: etcdserverpb.Compare,
  kv: PlainKeyValue,
): boolean {
  const wanted = <Value>(name: string, zero: Value): Value =>
    targetUnion?.$case === name ? (targetUnion.value as Value) : zero;
  let difference = 0;
  if (target === Target.VERSION) difference = kv.version - wanted("version", 0);
  if (target === Target.CREATE) difference = kv.create - wanted("createRevision", 0);
  if (target === Target.MOD) difference = kv.mod - wanted("modRevision", 0);
  if (target === Target.LEASE) difference = Number(kv.lease - wanted("lease", 0n));
  if (target === Target.VALUE) {
    const value = text(wanted("value", new Uint8Array(0)));
    difference = kv.value < value ? -1 : kv.value > value ? 1 : 0;
  }
  if (result === Result.EQUAL) return difference === 0;
  if (result === Result.NOT_EQUAL) return difference !== 0;
  return result === Result.GREATER ? difference > 0 : difference < 0;
}

function hashOf(changes: readonly Change[]): number {
  const parts: Buffer[] = [Buffer.from("key")];
  for (const change of changes) {
    const main = change.mod.toString(16).padStart(16, "0");
    const sub = change.sub.toString(16).padStart(16, "0");
    parts.push(Buffer.from(`${main}5f${sub}${change.isTombstone ? "74" : ""}`, "hex"));
    parts.push(wireOf(change));
  }
  return crc32c(Buffer.concat(parts));
}

/** `mvccpb.KeyValue` by its generated encoder; of a tombstone only the key. */
function wireOf(change: Change): Buffer {
  const { isTombstone, key, create, mod, version, value, lease } = change;
  const message = {
    key: Buffer.from(key, "latin1"),
    createRevision: create,
    modRevision: isTombstone ? 0 : mod,
    version,
    value: Buffer.from(value, "latin1"),
    lease,
  };
  return Buffer.from(mvccpb.KeyValue.encode(message).finish());
}
