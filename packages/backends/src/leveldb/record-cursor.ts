import { BackendError } from "../port.js";

/**
 * A place in one sorted run of a store: the versions of records by key, the newest version of a key
 * first. Its fields hold until it is moved.
 */
export interface RecordCursor {
  /** The stored key is the first `keyLength` bytes. */
  readonly key: Buffer;
  readonly keyLength: number;
  /** False where the key was deleted; there is no value then. */
  readonly isPut: boolean;
  /** The stored value is at [valueStart, valueEnd). */
  readonly values: Buffer;
  readonly valueStart: number;
  readonly valueEnd: number;
  /** Moves to the next version, the first one at first; false at the end. */
  advance(): boolean;
  /**
   * Makes sure that the version at the cursor is as it was written. Whoever takes a put need not
   * ask, because he checks the record's own checksum.
   * @throws BackendError "CORRUPT"
   */
  check(): void;
}

/** Stored keys: `gte` inclusive, `lt` exclusive. */
export interface StoredRange {
  readonly gte: Buffer;
  readonly lt: Buffer;
}

/** Bytewise order of the key at the cursor and another one. */
export function compareKey(cursor: RecordCursor, key: Buffer, keyLength: number): number {
  const mine = cursor.key;
  const common = Math.min(cursor.keyLength, keyLength);
  for (let i = 0; i < common; i++) {
    const difference = mine[i]! - key[i]!;
    if (difference !== 0) return difference;
  }
  return cursor.keyLength - keyLength;
}

/**
 * The records of several runs together, in the order of their keys, which is checked: of each key
 * the newest version that any run has, unless that is a deletion.
 *
 * It trusts a key only as far as it hands the record out. Before a key has it leave a version out,
 * turn to another run or end, it has the version checked, so damage takes no record away unseen.
 */
export class RecordMerge {
  readonly #directory: string;
  readonly #lt: Buffer;
  /** Runs that are not at their end. */
  readonly #runs: RecordCursor[] = [];
  #current: RecordCursor | undefined;
  /** The run that comes next after the current one, so that most steps are one comparison. */
  #following: RecordCursor | undefined;
  #lastKey: Buffer = Buffer.alloc(64);
  #lastLength = -1;

  /**
   * @param directory what to name in errors
   * @param runs newest first: the version of a key in an earlier run is newer
   */
  constructor(directory: string, runs: readonly RecordCursor[], { gte, lt }: StoredRange) {
    this.#directory = directory;
    this.#lt = lt;
    for (const run of runs) {
      let isThere = run.advance();
      for (; isThere && compareKey(run, gte, gte.length) < 0; isThere = run.advance()) run.check();
      if (!isThere) continue;
      run.check();
      this.#runs.push(run);
    }
    this.#choose();
  }

  /**
   * The run that stands at the next record, until the next call; undefined at the end.
   * @throws BackendError "CORRUPT" when a run is out of order; errors of the runs
   */
  next(): RecordCursor | undefined {
    for (;;) {
      if (this.#lastLength >= 0) this.#step();
      const run = this.#current;
      if (run === undefined) return undefined;
      if (compareKey(run, this.#lt, this.#lt.length) >= 0) {
        for (const left of this.#runs) left.check();
        return undefined;
      }
      const order = this.#lastLength < 0 ? 1 : compareKey(run, this.#lastKey, this.#lastLength);
      if (order < 0) throw this.#outOfOrder();
      // An older version comes after the newest one.
      if (order > 0) this.#remember(run);
      if (order > 0 && run.isPut) return run;
      run.check();
    }
  }

  #step(): void {
    const run = this.#current;
    if (run === undefined) return;
    if (!run.advance()) {
      this.#runs.splice(this.#runs.indexOf(run), 1);
      this.#choose();
    } else if (this.#following !== undefined && compare(run, this.#following) >= 0) {
      run.check();
      this.#choose();
    }
  }

  /** Of runs at the same key the first, which has the newest version. */
  #choose(): void {
    let first: RecordCursor | undefined;
    let second: RecordCursor | undefined;
    for (const run of this.#runs) {
      if (first === undefined || compare(run, first) < 0) {
        second = first;
        first = run;
      } else if (second === undefined || compare(run, second) < 0) second = run;
    }
    this.#current = first;
    this.#following = second;
  }

  #outOfOrder(): Error {
    return new BackendError(
      "CORRUPT",
      `${this.#directory}: records are out of the order of their keys; ` +
        "restore this member from a snapshot or from its peers",
    );
  }

  #remember({ key, keyLength }: RecordCursor): void {
    if (keyLength > this.#lastKey.length) this.#lastKey = Buffer.alloc(2 * keyLength);
    const last = this.#lastKey;
    for (let i = 0; i < keyLength; i++) last[i] = key[i]!;
    this.#lastLength = keyLength;
  }
}

function compare(left: RecordCursor, right: RecordCursor): number {
  return compareKey(left, right.key, right.keyLength);
}
