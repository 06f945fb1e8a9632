import type { Cohort, ResponseKind, Watcher } from "./watcher.js";

/** The cohorts of one stream. Joining and leaving take constant time. */
export class CohortSet {
  readonly #byKind = new Map<ResponseKind, Cohort[]>();

  join(watcher: Watcher): void {
    const { kind } = watcher;
    let cohorts = this.#byKind.get(kind);
    if (cohorts === undefined) {
      cohorts = [];
      this.#byKind.set(kind, cohorts);
    }
    let cohort = cohorts.find((candidate) => fits(candidate, watcher));
    if (cohort === undefined) {
      cohort = {
        kind,
        stream: watcher.stream,
        watchers: [],
        idLength: watcher.idField.length,
        ids: NO_IDS,
        recipients: undefined,
        fragment: watcher.fragment,
        progressNotify: watcher.progressNotify,
        slot: kind.cohorts.length,
      };
      cohorts.push(cohort);
      kind.cohorts.push(cohort);
    }
    cohort.recipients = undefined;
    watcher.cohort = cohort;
    watcher.slot = cohort.watchers.length;
    cohort.watchers.push(watcher);
    const end = cohort.watchers.length * cohort.idLength;
    if (cohort.ids.length < end) cohort.ids = grown(cohort.ids, end);
    cohort.ids.set(watcher.idField, end - cohort.idLength);
  }

  /** Only while the stream has no undelivered events: deliveries name watchers by place. */
  leave(watcher: Watcher): void {
    const { cohort } = watcher;
    if (cohort === undefined) return;
    watcher.cohort = undefined;
    cohort.recipients = undefined;
    const last = cohort.watchers.pop()!;
    if (last !== watcher) {
      cohort.watchers[watcher.slot] = last;
      last.slot = watcher.slot;
      cohort.ids.set(last.idField, last.slot * cohort.idLength);
    }
    if (cohort.watchers.length === 0) this.#remove(cohort);
  }

  /**
   * Empties the set; returns the watchers that were in it. The cohorts themselves stay as they
   * are, so that undelivered events still reach their watchers.
   */
  dissolve(): Watcher[] {
    const watchers: Watcher[] = [];
    for (const cohorts of this.#byKind.values()) {
      for (const cohort of cohorts) {
        detach(cohort);
        for (const watcher of cohort.watchers) {
          watcher.cohort = undefined;
          watchers.push(watcher);
        }
      }
    }
    this.#byKind.clear();
    return watchers;
  }

  #remove(cohort: Cohort): void {
    detach(cohort);
    const cohorts = this.#byKind.get(cohort.kind)!;
    cohorts.splice(cohorts.indexOf(cohort), 1);
    if (cohorts.length === 0) this.#byKind.delete(cohort.kind);
  }
}

const NO_IDS = new Uint8Array(0);

function grown(ids: Uint8Array, bytesMin: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(bytesMin, 2 * ids.length));
  bytes.set(ids);
  return bytes;
}

function fits(cohort: Cohort, watcher: Watcher): boolean {
  return (
    cohort.idLength === watcher.idField.length &&
    cohort.fragment === watcher.fragment &&
    cohort.progressNotify === watcher.progressNotify
  );
}

/** Takes a cohort out of the list that a dispatch goes through. */
function detach(cohort: Cohort): void {
  const { cohorts } = cohort.kind;
  const last = cohorts.pop()!;
  if (last === cohort) return;
  cohorts[cohort.slot] = last;
  last.slot = cohort.slot;
}
