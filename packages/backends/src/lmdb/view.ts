import { toBackendError } from "../common/backend-errors.js";
import type { Health } from "../common/health.js";
import type { ScanThread } from "../common/scan-thread.js";
import { ThreadView } from "../common/thread-view.js";
import type { Verification } from "../common/verification.js";
import {
  BackendError,
  type Bucket,
  type PagesLayout,
  type PagesRequest,
  type ScanBatch,
  type ScanRange,
  type View,
} from "../port.js";
import { type Environment, pinNow } from "./environment.js";

export interface LmdbViewOptions {
  readonly environment: Environment;
  readonly health: Health;
  readonly thread: ScanThread;
  readonly verification: Verification;
  readonly onClose: (view: LmdbView) => void;
}

/**
 * A read transaction that keeps the pages of its moment, and a view of them in the scanning thread,
 * which reads the file itself. The order matters: the transaction is opened first, so it may be
 * older than the trees that the thread then finds, and pins those too, because LMDB uses a page
 * again only when no transaction is as old as the one that gave it up.
 */
export class LmdbView implements View {
  readonly environment: Environment;
  /** Resolves when the view is closed. */
  readonly closed: Promise<void>;
  readonly #options: LmdbViewOptions;
  readonly #transaction: ReturnType<typeof pinNow>;
  readonly #settleClosed: () => void;
  #view: Promise<ThreadView> | undefined;
  #open = true;

  constructor(options: LmdbViewOptions) {
    this.#options = options;
    this.environment = options.environment;
    let settle = (): void => {};
    this.closed = new Promise((resolve) => {
      settle = resolve;
    });
    this.#settleClosed = settle;
    try {
      this.#transaction = pinNow(options.environment);
    } catch (error) {
      throw toBackendError(error, options.environment.file);
    }
  }

  /** Resolves when the view is frozen. */
  async freeze(): Promise<void> {
    const { thread, health, verification } = this.#options;
    this.#view = thread
      .openView(this.environment.file)
      .then((number) => new ThreadView({ thread, number, health, verification }));
    try {
      await this.#view;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** The thread checks what it reads; that nothing is missing, only the walk of the table tells. */
  async *scan(bucket: Bucket, range: ScanRange = {}): AsyncGenerator<ScanBatch> {
    this.#check();
    yield* (await this.#view!).scan(bucket, range);
  }

  async *pages(request: PagesRequest): AsyncGenerator<Buffer, PagesLayout> {
    this.#check();
    return yield* (await this.#view!).pages(request);
  }

  async close(): Promise<void> {
    if (!this.#open) return this.closed;
    this.#open = false;
    const view = await this.#view?.catch(() => undefined);
    await view?.close().catch(() => {});
    this.#transaction.done();
    this.#options.onClose(this);
    this.#settleClosed();
  }

  #check(): void {
    this.#options.health.check();
    if (!this.#open) throw new BackendError("CLOSED", "the view is closed");
  }
}
