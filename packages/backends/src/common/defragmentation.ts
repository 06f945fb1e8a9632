import { setTimeout as sleep } from "node:timers/promises";
import { BackendError } from "../port.js";

/**
 * The defragmentations of a store: one at a time, in steps that each leave the store whole. Closing
 * the store ends the one under way at its next step.
 */
export class Defragmentation {
  readonly #path: string;
  readonly #ended = new AbortController();
  #underWay: Promise<void> | undefined;

  /** @param path what to name in the "CLOSED" error */
  constructor(path: string) {
    this.#path = path;
  }

  /** Runs `work`, or joins the one under way: a second one would gain nothing more. */
  async run(work: () => Promise<void>): Promise<void> {
    this.check();
    this.#underWay ??= work().finally(() => {
      this.#underWay = undefined;
    });
    await this.#underWay;
  }

  /**
   * To be called before each step.
   * @throws BackendError "CLOSED" once the store is being closed
   */
  check(): void {
    if (!this.#ended.signal.aborted) return;
    const text = "the store is closed, which ends its defragmentation; no data are lost";
    throw new BackendError("CLOSED", `${this.#path}: ${text}`);
  }

  /** Leaves disk and processor to others for a while; ends early when the store is closed. */
  async rest(durationMs: number): Promise<void> {
    await sleep(durationMs, undefined, { signal: this.#ended.signal }).catch(() => {});
  }

  /** Allows no more steps; resolves when none is under way. */
  async end(): Promise<void> {
    this.#ended.abort();
    await this.#underWay?.catch(() => {});
  }
}
