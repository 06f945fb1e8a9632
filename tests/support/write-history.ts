/** What a store must hold, from the writes that a client saw acknowledged. */

/** One revision's effect: every key it puts gets `stamp`; a delete has no stamp. */
export interface Write {
  readonly keys: readonly string[];
  readonly stamp: string | undefined;
}

/** An event as a watch reports it. */
export interface SeenEvent {
  readonly key: string;
  readonly stamp: string | undefined;
}

export interface ExpectedKey {
  readonly stamp: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
}

/**
 * The writes of one data directory by revision. A write is acknowledged, or uncertain when the
 * server was killed before it answered; `settle` then finds out from the store's own history, and
 * what it found must stay so.
 */
export class WriteHistory {
  readonly #writes = new Map<number, Write>();
  #uncertain: Write[] = [];
  /** The newest revision that was acknowledged or seen. */
  revision = 1;
  acknowledged = 0;
  /** Writes that a kill left unanswered and that had been made all the same. */
  survived = 0;

  acknowledge(revision: number, write: Write): void {
    const known = this.#writes.get(revision);
    if (known !== undefined) {
      throw new Error(`revision ${revision} was given to ${show(known)} and to ${show(write)}`);
    }
    this.#writes.set(revision, write);
    this.revision = Math.max(this.revision, revision);
    this.acknowledged++;
  }

  doubt(write: Write): void {
    this.#uncertain.push(write);
  }

  /**
   * Compares the store's history with what was acknowledged: every acknowledged write is there as it
   * was, every other one was asked for, and no revision is missing.
   * @param seen events by revision, of all revisions after `after`
   * @param current the store's revision
   */
  settle(seen: ReadonlyMap<number, readonly SeenEvent[]>, after: number, current: number): void {
    if (current < this.revision) {
      throw new Error(`revision ${this.revision} was acknowledged, the store is at ${current}`);
    }
    for (let revision = after + 1; revision <= current; revision++) {
      const events = seen.get(revision) ?? [];
      const write = this.#writes.get(revision);
      if (write === undefined) this.#adopt(revision, events);
      else if (!matches(write, events)) {
        throw new Error(
          `revision ${revision} was acknowledged as ${show(write)}, the store has ${list(events)}`,
        );
      }
    }
    this.#uncertain = [];
    this.revision = current;
  }

  /** Every key at `revision`, as the writes up to it left them. */
  stateAt(revision: number): Map<string, ExpectedKey> {
    const state = new Map<string, ExpectedKey>();
    for (let at = 2; at <= revision; at++) {
      const write = this.#writes.get(at);
      if (write === undefined) throw new Error(`nothing is known of revision ${at}`);
      for (const key of write.keys) {
        if (write.stamp === undefined) {
          state.delete(key);
          continue;
        }
        const before = state.get(key);
        state.set(key, {
          stamp: write.stamp,
          createRevision: before?.createRevision ?? at,
          modRevision: at,
          version: (before?.version ?? 0) + 1,
        });
      }
    }
    return state;
  }

  #adopt(revision: number, events: readonly SeenEvent[]): void {
    const index = this.#uncertain.findIndex((write) => matches(write, events));
    const [write] = index < 0 ? [] : this.#uncertain.splice(index, 1);
    if (write === undefined) {
      throw new Error(`nobody asked for revision ${revision}: ${list(events)}`);
    }
    this.#writes.set(revision, write);
    this.survived++;
  }
}

/** Whole or not at all: the same keys, each with the write's stamp. */
function matches(write: Write, events: readonly SeenEvent[]): boolean {
  if (write.keys.length !== events.length) return false;
  const keys = new Set(write.keys);
  return events.every(({ key, stamp }) => stamp === write.stamp && keys.delete(key));
}

function show({ keys, stamp }: Write): string {
  return `${stamp === undefined ? "delete" : `put ${stamp}`} of ${keys.join(", ")}`;
}

function list(events: readonly SeenEvent[]): string {
  if (events.length === 0) return "nothing";
  return events.map(({ key, stamp }) => `${stamp ?? "delete"} of ${key}`).join("; ");
}

const MARK = "/";

/** A value of `lengthBytes` that begins with its stamp, so that damage anywhere in it shows. */
export function stampedValue(stamp: string, lengthBytes: number): Buffer {
  const head = `${stamp}${MARK}`;
  return Buffer.from(head.padEnd(lengthBytes, "x"));
}

/** @throws Error when the bytes are not whole */
export function stampOf(value: Uint8Array): string {
  const text = Buffer.from(value).toString("latin1");
  const end = text.indexOf(MARK);
  const stamp = text.slice(0, end);
  const length = Number(stamp.slice(stamp.lastIndexOf("-") + 1));
  if (end < 0 || text !== `${stamp}${MARK}`.padEnd(length, "x")) {
    throw new Error(`a value is damaged: ${text.slice(0, 80)}, ${text.length} bytes`);
  }
  return stamp;
}
