import { etcdserverpb, mvccpb } from "@kvorum/api";
import { kv, maintenance, type Rpc, range } from "./rpc.js";
import { type ExpectedKey, type SeenEvent, stampOf, type WriteHistory } from "./write-history.js";

/** Every key of the store. */
const EVERYTHING = { key: Buffer.from([0]), rangeEnd: Buffer.from([0]) };
const { WatchRequest, WatchResponse } = etcdserverpb;
const HISTORY_WITHIN_MS = 20_000;

/** What a check found, for the next one. */
export interface CheckedStore {
  readonly revision: number;
  readonly compactRevision: number;
  /** HashKV at `revision`. */
  readonly hash: number;
}

/**
 * Compares a store that nobody writes to with `history`: its own history since the compaction, its
 * present keys, its keys at one older revision, and that what it hashed before hashes alike.
 * @throws Error saying what differs
 */
export async function checkStore(
  rpc: Rpc,
  history: WriteHistory,
  before: CheckedStore | undefined,
): Promise<CheckedStore> {
  const hashed = await rpc.call(maintenance.hashKV, { revision: 0 });
  const { hash, compactRevision, hashRevision: revision } = hashed;
  const from = Math.max(compactRevision, 1);
  history.settle(await readEvents(rpc, from, revision), from, revision);
  await checkState(rpc, history, revision);
  if (before !== undefined) {
    if (compactRevision < before.compactRevision) {
      throw new Error(`the compaction went from ${before.compactRevision} to ${compactRevision}`);
    }
    const older = Math.max(before.revision, compactRevision);
    if (older >= 1) await checkState(rpc, history, older);
    if (compactRevision === before.compactRevision) {
      const again = await rpc.call(maintenance.hashKV, { revision: before.revision });
      if (again.hash !== before.hash) throw new Error(`the hash of ${before.revision} changed`);
    }
  }
  return { revision, compactRevision, hash };
}

/** The events of all revisions after `after` and up to `last`, from a watch. */
async function readEvents(
  rpc: Rpc,
  after: number,
  last: number,
): Promise<Map<number, SeenEvent[]>> {
  const seen = new Map<number, SeenEvent[]>();
  if (last <= after) return seen;
  const watch = rpc.stream("/etcdserverpb.Watch/Watch", WatchRequest, WatchResponse);
  const create = { ...EVERYTHING, startRevision: after + 1 };
  watch.write(
    WatchRequest.fromPartial({ requestUnion: { $case: "createRequest", value: create } }),
  );
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`the watch gave ${seen.size} revisions of ${after + 1}-${last}`)),
        HISTORY_WITHIN_MS,
      );
      watch.once("error", reject);
      watch.on("data", (response: etcdserverpb.WatchResponse) => {
        if (response.canceled)
          reject(new Error(`the watch was canceled: ${response.cancelReason}`));
        for (const event of response.events) {
          collect(seen, event);
          if (event.kv!.modRevision < last) continue;
          clearTimeout(timer);
          resolve();
        }
      });
    });
  } finally {
    watch.on("error", () => {});
    watch.cancel();
  }
  return seen;
}

function collect(seen: Map<number, SeenEvent[]>, { type, kv: item }: mvccpb.Event): void {
  const isDelete = type === mvccpb.Event_EventType.DELETE;
  const stamp = isDelete ? undefined : stampOf(item!.value);
  const event = { key: Buffer.from(item!.key).toString(), stamp };
  const events = seen.get(item!.modRevision);
  if (events === undefined) seen.set(item!.modRevision, [event]);
  else events.push(event);
}

async function checkState(rpc: Rpc, history: WriteHistory, revision: number): Promise<void> {
  const expected = history.stateAt(revision);
  const { kvs, count } = await rpc.call(kv.range, range({ ...EVERYTHING, revision }));
  if (count !== expected.size || kvs.length !== count) {
    throw new Error(`${count} keys are there at ${revision}, ${expected.size} were written`);
  }
  for (const item of kvs) {
    const key = Buffer.from(item.key).toString();
    const found: ExpectedKey = {
      stamp: stampOf(item.value),
      createRevision: item.createRevision,
      modRevision: item.modRevision,
      version: item.version,
    };
    const wanted = JSON.stringify(expected.get(key));
    if (JSON.stringify(found) !== wanted) {
      throw new Error(`${key} at ${revision} is ${JSON.stringify(found)}, not ${wanted}`);
    }
  }
}
