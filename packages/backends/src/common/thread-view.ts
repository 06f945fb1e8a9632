import {
  BackendError,
  BUCKETS,
  type Bucket,
  type PagesLayout,
  type PagesRequest,
  type ScanBatch,
  type ScanRange,
  type View,
} from "../port.js";
import type { Health } from "./health.js";
import type { ScanThread } from "./scan-thread.js";
import type { Verification } from "./verification.js";

/** A view that a scanning thread holds. */
export class ThreadView implements View {
  readonly #thread: ScanThread;
  readonly #number: number;
  readonly #health: Health;
  readonly #verification: Verification | undefined;
  readonly #onClose: ((view: ThreadView) => void) | undefined;
  #open = true;

  constructor(options: {
    readonly thread: ScanThread;
    /** Of the view in the thread. */
    readonly number: number;
    readonly health: Health;
    /** Of a store that is checked after it was opened. */
    readonly verification?: Verification;
    readonly onClose?: (view: ThreadView) => void;
  }) {
    this.#thread = options.thread;
    this.#number = options.number;
    this.#health = options.health;
    this.#verification = options.verification;
    this.#onClose = options.onClose;
  }

  async *scan(bucket: Bucket, range: ScanRange = {}): AsyncGenerator<ScanBatch> {
    this.#check();
    for await (const batch of this.#thread.scan(this.#number, bucket, range)) {
      this.#check();
      yield batch;
      this.#check();
    }
    await this.#verified(bucket);
    this.#check();
  }

  async *pages(request: PagesRequest): AsyncGenerator<Buffer, PagesLayout> {
    this.#check();
    const layout = yield* this.#thread.pages(this.#number, request);
    for (const bucket of BUCKETS) await this.#verified(bucket);
    this.#check();
    return layout;
  }

  async #verified(bucket: Bucket): Promise<void> {
    const verification = this.#verification;
    if (verification?.done === false) await this.#thread.held(verification.verified(bucket));
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#onClose?.(this);
    await this.#thread.closeView(this.#number);
  }

  #check(): void {
    this.#health.check();
    if (!this.#open) throw new BackendError("CLOSED", "the view is closed");
  }
}
