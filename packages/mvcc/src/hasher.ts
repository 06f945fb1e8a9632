import { apiError } from "@kvorum/api";
import type { Bucket } from "@kvorum/backends";
import { type MainRevision, utf8 } from "@kvorum/base";
import { BatchCursor } from "./batch-cursor.js";
import type { FoundRevision } from "./key-index.js";
import { KeyValueReader } from "./key-value.js";
import { limits } from "./limits.js";
import { CrcGatherer, RevisionHasher } from "./revision-hasher.js";
import type { StoreState } from "./store-state.js";
import { turn } from "./turn.js";

/** A hash of the revisions up to `revision`; `compactRevision` is -1 when never compacted. */
export interface RevisionHash {
  readonly hash: number;
  readonly revision: MainRevision;
  readonly compactRevision: MainRevision;
}

/** The answer of HashKV. */
export interface Hashes {
  readonly hash: number;
  readonly compactRevision: MainRevision;
  readonly hashRevision: MainRevision;
  readonly currentRevision: MainRevision;
}

/**
 * HashKV, and the hashes that compactions made on their way. The latter are consulted first, so
 * that the newest compact revisions stay comparable between members however far each has compacted.
 */
export class Hasher {
  readonly #state: StoreState;
  /** By ascending revision. */
  #compactionHashes: RevisionHash[] = [];

  constructor(state: StoreState) {
    this.#state = state;
  }

  async hashKv(requested: MainRevision): Promise<Hashes> {
    const { currentRevision, compactRevision } = this.#state;
    const cached = this.#compactionHashes.find(({ revision }) => revision === requested);
    if (cached !== undefined) {
      const { hash, revision: hashRevision, compactRevision: cachedCompactRevision } = cached;
      return { hash, hashRevision, compactRevision: cachedCompactRevision, currentRevision };
    }
    if (requested > 0 && requested < compactRevision) throw apiError("compacted");
    if (requested > currentRevision) throw apiError("futureRevision");
    const revision = requested === 0 ? currentRevision : requested;
    const { clock, timings } = this.#state;
    const startMs = clock.nowMs();
    const hash = await this.#hashUpTo(revision, compactRevision);
    timings?.hashByRevision(clock.nowMs() - startMs);
    return { hash, compactRevision, hashRevision: revision, currentRevision };
  }

  store(hash: RevisionHash): void {
    const hashes = [...this.#compactionHashes, hash];
    hashes.sort((left, right) => left.revision - right.revision);
    this.#compactionHashes = hashes.slice(-limits.compactionHashesMax);
  }

  compactionHashes(): readonly RevisionHash[] {
    return this.#compactionHashes;
  }

  async hashAll(): Promise<{ readonly hash: number; readonly revision: MainRevision }> {
    const { clock, currentRevision: revision, timings } = this.#state;
    const startMs = clock.nowMs();
    const view = await this.#state.records.view();
    const gather = new CrcGatherer();
    try {
      for (const bucket of BUCKETS_IN_ORDER) {
        gather.add(utf8(bucket));
        for await (const batch of view.scan(bucket)) {
          const cursor = new BatchCursor(batch);
          for (let i = 0; i < cursor.count; i++) {
            cursor.moveTo(i);
            if (bucket === "meta" && META_OF_MEMBER.has(cursor.keyText())) continue;
            gather.addRecord(cursor);
          }
          gather.endBatch();
          await turn(clock);
        }
      }
    } finally {
      await view.close();
    }
    timings?.hash(clock.nowMs() - startMs);
    return { hash: gather.digest(), revision };
  }

  async #hashUpTo(revision: number, compactRevision: number): Promise<number> {
    const { index, records, pins, clock } = this.#state;
    const found: FoundRevision = { main: 0, sub: 0, created: 0, version: 0 };
    const reader = new KeyValueReader();
    const keeps = ({ main, sub, recordBytes, recordStart, recordEnd }: BatchCursor): boolean =>
      index.keep(reader.readAt(recordBytes, recordStart, recordEnd).keyText(), revision, found) &&
      found.main === main &&
      found.sub === sub;
    // A negative revision counts no record at all, so it needs nothing to stay.
    const release = revision < 0 ? undefined : pins.hold(revision);
    try {
      const view = await records.view();
      try {
        const keepsNothing = await this.#keepsNothing(revision);
        const hasher = new RevisionHasher({ compactRevision, revision, keepsNothing, keeps });
        for await (const batch of view.scan("key")) {
          const cursor = new BatchCursor(batch);
          for (let i = 0; i < cursor.count; i++) {
            cursor.moveTo(i);
            hasher.add(cursor);
            if (i % limits.hashChunkRecords === limits.hashChunkRecords - 1) await turn(clock);
          }
          hasher.endBatch();
        }
        return hasher.digest();
      } finally {
        await view.close();
      }
    } finally {
      release?.();
    }
  }

  /** Ends at the first key with anything kept, which is nearly always the very first. */
  async #keepsNothing(revision: number): Promise<boolean> {
    let from = "";
    for (;;) {
      const answer = this.#state.index.keepsAny(from, revision, limits.indexCompactionChunkKeys);
      if (typeof answer === "boolean") return !answer;
      from = answer;
      await turn(this.#state.clock);
    }
  }
}

/** All buckets, in byte order of their names. */
const BUCKETS_IN_ORDER: readonly Bucket[] = [
  "alarm",
  "auth",
  "authRoles",
  "authUsers",
  "cluster",
  "key",
  "lease",
  "members",
  "members_removed",
  "meta",
];

/** Records of bucket "meta" that may differ between equal members. */
const META_OF_MEMBER = new Set(["term", "consistent_index", "storageVersion"]);
