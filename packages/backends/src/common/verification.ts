import { BackendError, type Bucket } from "../port.js";
import type { VerifyMessage } from "./serve-verification.js";

export interface VerificationOptions {
  /** Buckets that are not known to be whole. */
  readonly left: readonly string[];
  /** Checks one of them in this thread. Throws BackendError "CORRUPT". */
  readonly check: (bucket: Bucket) => void;
  readonly onDamage: (error: BackendError) => void;
}

/**
 * The check of a store's large buckets, which runs in its second thread after the store is open, so
 * that a start doesn't wait for it. Until a bucket is known to be whole nothing is believed that an
 * engine without checks of its own finds, or doesn't find, there:
 *
 *     get    of a bucket that isn't verified yet checks that one in this thread first
 *     scan   checks each record, and ends when its bucket is verified, so that nothing is missing
 *
 *     pending --each bucket--> some verified --last one--> done
 *        \-------------------------\------------------> damaged: the store has failed
 */
export class Verification {
  readonly #options: VerificationOptions;
  readonly #left: Set<string>;
  #waiting: (() => void)[] = [];
  #done: boolean;
  #error: BackendError | undefined;

  constructor(options: VerificationOptions) {
    this.#options = options;
    this.#left = new Set(options.left);
    this.#done = this.#left.size === 0;
  }

  /** No bucket is waited for any more. */
  get done(): boolean {
    return this.#done;
  }

  /** Takes a message of the thread. */
  receive(message: VerifyMessage): void {
    if (message.kind === "damaged") {
      this.fail(new BackendError(message.error.code, message.error.message));
      return;
    }
    this.#whole(message.bucket);
  }

  /** Ends the check with an error: damage, or the end of the thread or of the store. */
  fail(error: BackendError): void {
    if (this.#done || this.#error !== undefined) return;
    this.#error = error;
    this.#options.onDamage(error);
    this.#wake();
  }

  /**
   * Checks a bucket now, if it isn't yet. Blocks for as long as that takes: a third of a second for
   * a million records.
   * @throws BackendError "CORRUPT"
   */
  ensure(bucket: Bucket): void {
    if (this.#error !== undefined) throw this.#error;
    if (!this.#left.has(bucket)) return;
    try {
      this.#options.check(bucket);
    } catch (error) {
      if (error instanceof BackendError) this.fail(error);
      throw error;
    }
    this.#whole(bucket);
  }

  /**
   * Resolves when a bucket is whole; all of them, when none is given.
   * @throws BackendError "CORRUPT"
   */
  async verified(bucket?: Bucket): Promise<void> {
    for (;;) {
      if (this.#error !== undefined) throw this.#error;
      if (this.#done || (bucket !== undefined && !this.#left.has(bucket))) return;
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }

  #whole(bucket: string): void {
    this.#left.delete(bucket);
    this.#done = this.#left.size === 0;
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
