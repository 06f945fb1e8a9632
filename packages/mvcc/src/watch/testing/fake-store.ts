import { mvccpb, type RawKeyValue } from "@kvorum/api";
import { latin1ToBytes, type MainRevision } from "@kvorum/base";
import type { RevisionEvents, StoreEvent, WatchSink, WatchSource } from "../../types.js";

export type Change =
  | { readonly type: "put"; readonly key: string; readonly value: string }
  | { readonly type: "delete"; readonly key: string };

interface Version {
  readonly main: MainRevision;
  readonly value: string | undefined;
  readonly createRevision: MainRevision;
  readonly version: number;
}

interface PendingRead {
  readonly run: () => void;
  readonly fail: (error: Error) => void;
}

/**
 * A store in memory whose past below the compacted revision is thrown away at once, and whose
 * history reads settle when the test says so, with the content of that moment.
 */
export class FakeStore implements WatchSource {
  currentRevision: MainRevision = 1;
  compactRevision: MainRevision = -1;
  /** Everything that ever happened. */
  readonly all: RevisionEvents[] = [];
  sink: WatchSink | undefined;
  readonly reads: PendingRead[] = [];
  readonly #versions = new Map<string, Version[]>();

  /** One transaction; changes nothing when it only deletes absent keys. */
  apply(changes: readonly Change[], options?: { readonly silent: boolean }): void {
    const main = this.currentRevision + 1;
    const events: StoreEvent[] = [];
    for (const change of changes) {
      const event = this.#change(change, main, events.length);
      if (event !== undefined) events.push(event);
    }
    if (events.length === 0) return;
    this.currentRevision = main;
    const revision = { main, events };
    this.all.push(revision);
    if (options?.silent !== true) this.sink?.notify(revision);
  }

  put(key: string, value: string): void {
    this.apply([{ type: "put", key, value }]);
  }

  delete(key: string): void {
    this.apply([{ type: "delete", key }]);
  }

  compact(revision: MainRevision): void {
    this.compactRevision = revision;
  }

  history(
    from: MainRevision,
    revisionsMax: number,
  ): Promise<{ readonly revisions: readonly RevisionEvents[]; readonly next: MainRevision }> {
    return new Promise((resolve, reject) => {
      const run = () => {
        const end = Math.min(from + revisionsMax, this.currentRevision + 1);
        const revisions = this.all.filter(
          ({ main }) => main >= from && main < end && main >= this.compactRevision,
        );
        resolve({ revisions, next: end });
      };
      this.reads.push({ run, fail: reject });
    });
  }

  keyValueAt(key: string, main: MainRevision): RawKeyValue | undefined {
    return main < this.compactRevision ? undefined : this.keyValueEver(key, main);
  }

  /** The same, whatever was compacted. */
  keyValueEver(key: string, main: MainRevision): RawKeyValue | undefined {
    const version = this.#versions.get(key)?.findLast((candidate) => candidate.main <= main);
    return version?.value === undefined ? undefined : encode(key, version);
  }

  #change(change: Change, main: MainRevision, sub: number): StoreEvent | undefined {
    const { key } = change;
    const versions = this.#versions.get(key) ?? [];
    this.#versions.set(key, versions);
    const last = versions.at(-1);
    const exists = last?.value !== undefined;
    const revision = { main, sub };
    if (change.type === "delete") {
      if (!exists) return undefined;
      versions.push({ main, value: undefined, createRevision: 0, version: 0 });
      const kv = encode(key, { main, value: "", createRevision: 0, version: 0 });
      return { type: "delete", key, revision, kv, isCreate: false };
    }
    const createRevision = exists ? last.createRevision : main;
    const version = {
      main,
      value: change.value,
      createRevision,
      version: exists ? last.version + 1 : 1,
    };
    versions.push(version);
    const isCreate = createRevision === main;
    return { type: "put", key, revision, kv: encode(key, version), isCreate };
  }
}

function encode(key: string, version: Version): RawKeyValue {
  return mvccpb.KeyValue.encode({
    key: latin1ToBytes(key),
    createRevision: version.createRevision,
    modRevision: version.main,
    version: version.version,
    value: latin1ToBytes(version.value ?? ""),
    lease: 0n,
  }).finish();
}
