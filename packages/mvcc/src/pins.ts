/**
 * Revisions that are being read over several turns. A compaction asks which ones are held before it
 * forgets anything, so that a long range or hash finds its revision whole to the end.
 */
export class Pins {
  readonly #held = new Map<number, number>();
  readonly #waiters: { readonly below: number; readonly resolve: () => void }[] = [];

  /** @returns releases the pin; call it exactly once */
  hold(revision: number): () => void {
    this.#held.set(revision, (this.#held.get(revision) ?? 0) + 1);
    return () => this.#release(revision);
  }

  /** Resolves once no pin below `revision` is held. New ones can't come: such reads are refused. */
  released(revision: number): Promise<void> {
    if (!this.#isHeldBelow(revision)) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ below: revision, resolve }));
  }

  #release(revision: number): void {
    const left = this.#held.get(revision)! - 1;
    if (left > 0) this.#held.set(revision, left);
    else this.#held.delete(revision);
    for (let i = this.#waiters.length - 1; i >= 0; i--) {
      const waiter = this.#waiters[i]!;
      if (this.#isHeldBelow(waiter.below)) continue;
      this.#waiters.splice(i, 1);
      waiter.resolve();
    }
  }

  #isHeldBelow(revision: number): boolean {
    for (const held of this.#held.keys()) if (held < revision) return true;
    return false;
  }
}
