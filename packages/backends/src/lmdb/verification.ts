import { BackendError, type Bucket } from "../port.js";
import type { VerifyMessage } from "./messages.js";
import { type Structure, verifyTables } from "./verify.js";

/**
 * The check of a file's tables, which runs in the scanning thread after the store is open, so that
 * a start doesn't wait for it. Until a table is known to be whole nothing of it goes through LMDB,
 * which would trust a damaged page:
 *
 *     commit       waits for all tables; the file doesn't change meanwhile
 *     get          of a table that isn't verified yet checks that one in this thread first
 *     scan         reads the file with checks of its own, and ends when its table is verified
 *
 *     pending --each table--> some verified --last one--> done
 *        \------------------------\------------------> damaged: the store has failed
 */
export class Verification {
  readonly #file: string;
  readonly #structure: Structure | undefined;
  readonly #left: Set<string>;
  readonly #onDamage: (error: BackendError) => void;
  #waiting: (() => void)[] = [];
  #done: boolean;
  #error: BackendError | undefined;

  constructor(
    file: string,
    structure: Structure | undefined,
    onDamage: (error: BackendError) => void,
  ) {
    this.#file = file;
    this.#structure = structure;
    this.#left = new Set(structure?.tables.map(({ name }) => name));
    this.#onDamage = onDamage;
    this.#done = structure === undefined;
  }

  /** No table is waited for any more. */
  get done(): boolean {
    return this.#done;
  }

  /** Takes a message of the thread. */
  receive(message: VerifyMessage): void {
    if (message.kind === "damaged") {
      this.fail(new BackendError(message.error.code, message.error.message));
      return;
    }
    if (message.table === undefined) {
      this.#left.clear();
      this.#done = true;
    } else this.#left.delete(message.table);
    this.#wake();
  }

  /** Ends the check with an error: damage, or the end of the thread or of the store. */
  fail(error: BackendError): void {
    if (this.#done || this.#error !== undefined) return;
    this.#error = error;
    this.#onDamage(error);
    this.#wake();
  }

  /**
   * Checks a table now, if it isn't yet. Blocks for as long as that takes, which is short for all
   * tables but "key": a third of a second for a million records.
   * @throws BackendError "CORRUPT"
   */
  ensure(bucket: Bucket): void {
    if (this.#error !== undefined) throw this.#error;
    if (!this.#left.has(bucket)) return;
    const { meta, tables } = this.#structure!;
    const wanted = tables.filter(({ name }) => name === bucket);
    try {
      for (const _ of verifyTables(this.#file, { meta, tables: wanted }));
    } catch (error) {
      if (error instanceof BackendError) this.fail(error);
      throw error;
    }
    this.#left.delete(bucket);
    this.#wake();
  }

  /**
   * Resolves when a table is whole; all tables, when none is given.
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

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
