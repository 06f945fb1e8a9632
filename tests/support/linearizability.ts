/**
 * Decides whether a history of operations on registers is linearizable: whether every operation can
 * be given a moment between its call and its return at which it happens at once, such that each
 * returns what a single register would. Keys are independent, so each is checked by itself
 * (Herlihy and Wing, "Linearizability", section 3.3). The search is Wing and Gong's with Lowe's
 * memory of configurations already seen ("Testing for linearizability", section 3).
 */

/** What a register holds; undefined when the key does not exist. */
export type RegisterValue = string | undefined;

export type RegisterOperation =
  | { readonly kind: "read"; readonly value: RegisterValue }
  | { readonly kind: "write"; readonly value: RegisterValue }
  | {
      readonly kind: "swap";
      readonly expected: RegisterValue;
      readonly value: RegisterValue;
      /** Whether it took place; undefined when nobody knows. */
      readonly swapped: boolean | undefined;
    };

/** One operation as its client saw it. */
export interface HistoryEntry {
  readonly key: string;
  readonly client: number;
  readonly operation: RegisterOperation;
  /** Any clock that all clients share. */
  readonly calledAt: number;
  /** Infinity when the outcome is unknown: it may happen at any later time, or never. */
  readonly returnedAt: number;
}

export type LinearizabilityResult =
  | { readonly isLinearizable: true; readonly keys: number }
  | {
      readonly isLinearizable: false;
      readonly key: string;
      /** The longest order that was found, and what could not follow it. */
      readonly order: readonly HistoryEntry[];
      readonly stuckAt: HistoryEntry;
    };

/** @param initial the value of every key before the history */
export function checkLinearizability(
  history: readonly HistoryEntry[],
  initial: RegisterValue = undefined,
): LinearizabilityResult {
  const perKey = new Map<string, HistoryEntry[]>();
  for (const entry of history) {
    // What nobody saw to happen and nothing was learned from cannot contradict anything.
    if (entry.returnedAt === Number.POSITIVE_INFINITY && entry.operation.kind === "read") continue;
    const entries = perKey.get(entry.key);
    if (entries === undefined) perKey.set(entry.key, [entry]);
    else entries.push(entry);
  }
  for (const [key, entries] of perKey) {
    const failure = new RegisterSearch(withoutUnseen(entries), initial).run();
    if (failure !== undefined) return { isLinearizable: false, key, ...failure };
  }
  return { isLinearizable: true, keys: perKey.size };
}

/**
 * Leaves out operations of unknown outcome whose values nobody ever met: without them an order of
 * the others stays as good. Not where a swap failed, which an unseen value may have caused.
 */
function withoutUnseen(entries: readonly HistoryEntry[]): readonly HistoryEntry[] {
  const met = new Set<RegisterValue>();
  for (const { operation } of entries) {
    if (operation.kind === "read") met.add(operation.value);
    if (operation.kind !== "swap") continue;
    met.add(operation.expected);
    if (operation.swapped === false) return entries;
  }
  return entries.filter(
    ({ operation, returnedAt }) => Number.isFinite(returnedAt) || met.has(operation.value),
  );
}

/** A call or a return in the order of time; lifted out while its operation is in the order tried. */
interface Event {
  readonly entry: number;
  /** The return of a call, and undefined on a return. */
  match: Event | undefined;
  previous: Event | undefined;
  next: Event | undefined;
}

interface Step {
  readonly call: Event;
  readonly stateBefore: RegisterValue;
}

class RegisterSearch {
  readonly #entries: readonly HistoryEntry[];
  readonly #initial: RegisterValue;
  /** Bit i of `#done`: operation i is in the order tried. */
  readonly #done: Uint32Array;
  readonly #seen = new Set<string>();
  /** Before the first event. */
  readonly #head: Event = { entry: -1, match: undefined, previous: undefined, next: undefined };

  constructor(entries: readonly HistoryEntry[], initial: RegisterValue) {
    this.#entries = entries;
    this.#initial = initial;
    this.#done = new Uint32Array(Math.ceil(entries.length / 32));
    this.#link();
  }

  /** @returns undefined when an order was found */
  run(): { readonly order: HistoryEntry[]; readonly stuckAt: HistoryEntry } | undefined {
    const steps: Step[] = [];
    let state = this.#initial;
    let longest: HistoryEntry[] = [];
    let stuckAt = this.#entries[0]!;
    let event = this.#head.next;
    while (this.#hasReturnsLeft()) {
      if (event?.match !== undefined) {
        const next = apply(this.#entries[event.entry]!.operation, state);
        if (next !== undefined && this.#isNew(event.entry, next.value)) {
          steps.push({ call: event, stateBefore: state });
          state = next.value;
          this.#lift(event);
          event = this.#head.next;
          continue;
        }
        event = event.next;
        continue;
      }
      // A return whose operation is not in the order yet: what was tried last was wrong.
      if (steps.length >= longest.length && event !== undefined) {
        longest = steps.map(({ call }) => this.#entries[call.entry]!);
        stuckAt = this.#entries[event.entry]!;
      }
      const last = steps.pop();
      if (last === undefined) return { order: longest, stuckAt };
      state = last.stateBefore;
      this.#putBack(last.call);
      event = last.call.next;
    }
    return undefined;
  }

  /** Operations without a return need not happen; the others must. */
  #hasReturnsLeft(): boolean {
    for (let event = this.#head.next; event !== undefined; event = event.next) {
      if (event.match === undefined) return true;
      if (Number.isFinite(this.#entries[event.entry]!.returnedAt)) return true;
    }
    return false;
  }

  #link(): void {
    const events = this.#entries.flatMap(({ calledAt, returnedAt }, entry) => {
      const back: Event = { entry, match: undefined, previous: undefined, next: undefined };
      const call: Event = { entry, match: back, previous: undefined, next: undefined };
      return [
        { at: calledAt, isCall: true, event: call },
        { at: returnedAt, isCall: false, event: back },
      ];
    });
    // At equal times calls come first: the operations then count as concurrent.
    events.sort((a, b) => (a.at === b.at ? Number(b.isCall) - Number(a.isCall) : a.at - b.at));
    let last = this.#head;
    for (const { at, event } of events) {
      if (at === Number.POSITIVE_INFINITY) continue;
      last.next = event;
      event.previous = last;
      last = event;
    }
  }

  #lift(call: Event): void {
    this.#done[call.entry >>> 5]! |= 1 << (call.entry & 31);
    for (const event of [call, call.match!]) {
      // The return of an unanswered call never was in the list.
      if (event.previous === undefined) continue;
      event.previous.next = event.next;
      if (event.next !== undefined) event.next.previous = event.previous;
    }
  }

  #putBack(call: Event): void {
    this.#done[call.entry >>> 5]! &= ~(1 << (call.entry & 31));
    for (const event of [call.match!, call]) {
      if (event.previous === undefined) continue;
      event.previous.next = event;
      if (event.next !== undefined) event.next.previous = event;
    }
  }

  /** Whether this set of operations with this outcome has not been tried before. */
  #isNew(entry: number, value: RegisterValue): boolean {
    const word = this.#done[entry >>> 5]!;
    this.#done[entry >>> 5] = word | (1 << (entry & 31));
    const key = `${Buffer.from(this.#done.buffer).toString("latin1")}${value === undefined ? "" : `=${value}`}`;
    this.#done[entry >>> 5] = word;
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    return true;
  }
}

/** @returns what the register holds afterwards, or undefined when it can't have answered so */
function apply(
  operation: RegisterOperation,
  state: RegisterValue,
): { readonly value: RegisterValue } | undefined {
  switch (operation.kind) {
    case "read":
      return operation.value === state ? { value: state } : undefined;
    case "write":
      return { value: operation.value };
    case "swap": {
      const swaps = state === operation.expected;
      if (operation.swapped !== undefined && operation.swapped !== swaps) return undefined;
      return { value: swaps ? operation.value : state };
    }
  }
}
