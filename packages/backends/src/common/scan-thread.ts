import { Worker } from "node:worker_threads";
import { SCAN_AHEAD_BATCHES } from "../limits.js";
import {
  BackendError,
  type Bucket,
  type PagesLayout,
  type PagesMemory,
  type PagesRequest,
  type ScanBatch,
  type ScanRange,
} from "../port.js";
import { PackedBatch } from "./packed-batch.js";
import type { ScanAnswer, ScanRequest, SentError } from "./scan-messages.js";

export interface ScanThreadOptions {
  /** The built script, which calls `serveScans`. */
  readonly script: URL;
  readonly workerData: unknown;
  /** What to name in errors. */
  readonly file: string;
  /** The script makes batches in memory that comes back; else it is left to the collector here. */
  readonly reusesMemory?: boolean;
  /** Receives messages of the script that don't belong to scans. */
  readonly onOther?: (message: unknown) => void;
  /** Called when the thread ends by itself. */
  readonly onGone?: (error: BackendError) => void;
}

/**
 * Scans in a thread: it reads, checks and packs the records, and this thread receives whole batches
 * as memory that moves without a copy. So a scan of a million records leaves the event loop free,
 * and its consumer works at the same time as the reader.
 */
export class ScanThread {
  readonly #options: ScanThreadOptions;
  readonly #worker: Worker;
  readonly #views = new Map<number, (error: SentError | undefined) => void>();
  readonly #scans = new Map<number, RunningScan<unknown>>();
  /** The last scan, if its reader left it: memory that still comes back goes to the next one. */
  #left: RunningScan<unknown> | undefined;
  #nextId = 1;
  #gone: BackendError | undefined;
  #references = 0;

  constructor(options: ScanThreadOptions) {
    this.#options = options;
    this.#worker = new Worker(options.script, { workerData: options.workerData });
    this.#worker.on("message", (answer: ScanAnswer) => this.#receive(answer));
    this.#worker.on("error", (error) => this.#end(error));
    this.#worker.on("exit", () => this.#end(undefined));
    // Only work under way keeps the process alive.
    this.#worker.unref();
  }

  /** Keeps the process alive until `work` of the thread has settled. */
  async held<T>(work: Promise<T>): Promise<T> {
    this.#hold();
    try {
      return await work;
    } finally {
      this.#release();
    }
  }

  /** Opens a view in the thread and resolves with its number when it is frozen. */
  async openView(parameters: unknown): Promise<number> {
    const view = this.#nextId++;
    await this.#ask({ kind: "view", view, parameters });
    return view;
  }

  async closeView(view: number): Promise<void> {
    for (const scan of this.#scans.values()) {
      if (scan.view === view) scan.fail({ code: "CLOSED", message: "the view is closed" });
    }
    if (this.#gone === undefined) await this.#ask({ kind: "close", view });
  }

  /**
   * Batches are made ahead of a reader that has come for a second one: who takes only the first
   * would pay for three more.
   */
  async *scan(view: number, bucket: Bucket, range: ScanRange): AsyncGenerator<ScanBatch> {
    if (this.#gone !== undefined) throw this.#gone;
    const scan = this.#nextId++;
    const running = new RunningScan<PackedBatch>(view);
    const { start, end } = range;
    this.#send({ kind: "scan", scan, view, bucket, start, end });
    yield* this.#run(scan, running);
  }

  /** Makes pages in the thread, ahead of their reader as batches are. */
  async *pages(
    view: number,
    { pageSize, rootPage, memory }: PagesRequest,
  ): AsyncGenerator<Buffer, PagesLayout> {
    if (this.#gone !== undefined) throw this.#gone;
    const scan = this.#nextId++;
    const running = new RunningScan<Buffer>(view, memory);
    this.#send({ kind: "pages", scan, view, pageSize, rootPage });
    yield* this.#run(scan, running);
    return running.layout!;
  }

  async *#run<Part>(scan: number, running: RunningScan<Part>): AsyncGenerator<Part, void> {
    this.#scans.set(scan, running as RunningScan<unknown>);
    this.#hold();
    try {
      for (let taken = 0; ; taken++) {
        if (taken === 1) this.#more(scan, running, SCAN_AHEAD_BATCHES);
        const part = await running.next();
        if (part === undefined) return;
        // Before the consumer works, so that the thread does so at the same time.
        if (taken > 0) this.#more(scan, running, 1);
        yield part;
      }
    } finally {
      this.#scans.delete(scan);
      this.#left = running.ended ? undefined : running;
      if (!running.ended) this.#send({ kind: "stop", scan });
      this.#release();
    }
  }

  async close(): Promise<void> {
    this.#gone ??= new BackendError("CLOSED", `${this.#options.file}: the store is closed`);
    await this.#worker.terminate();
  }

  /** Sends a message of the engine's own; the answer comes to `onOther`. */
  post(message: unknown, transfer: ArrayBuffer[] = []): void {
    if (this.#gone !== undefined) throw this.#gone;
    this.#worker.postMessage(message, transfer);
  }

  #hold(): void {
    if (this.#references++ === 0) this.#worker.ref();
  }

  #release(): void {
    if (--this.#references === 0) this.#worker.unref();
  }

  #more(scan: number, running: RunningScan<unknown>, batches: number): void {
    if (running.ended) return;
    const memory = [...running.takeSpare(), ...(this.#left?.takeSpare() ?? [])];
    this.#send({ kind: "more", scan, batches, memory }, memory);
  }

  #send(request: ScanRequest, transfer: ArrayBuffer[] = []): void {
    if (this.#gone === undefined) this.#worker.postMessage(request, transfer);
  }

  #ask(request: ScanRequest & { readonly view: number }): Promise<void> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone);
    this.#hold();
    return new Promise<void>((resolve, reject) => {
      this.#views.set(request.view, (error) => {
        this.#release();
        if (error === undefined) resolve();
        else reject(new BackendError(error.code, error.message));
      });
      this.#send(request);
    });
  }

  #receive(answer: ScanAnswer): void {
    switch (answer.kind) {
      case "view": {
        const settle = this.#views.get(answer.view);
        this.#views.delete(answer.view);
        settle?.(answer.error);
        break;
      }
      case "batch": {
        const { count, bytes, bounds } = answer;
        const scan = this.#scans.get(answer.scan);
        scan?.add(
          new PackedBatch({
            count,
            bytes: Buffer.from(bytes),
            bounds: new Uint32Array(bounds),
            recycle: this.#options.reusesMemory ? () => scan.giveBack(bytes) : undefined,
          }),
        );
        break;
      }
      case "pages":
        this.#scans.get(answer.scan)?.add(Buffer.from(answer.bytes, 0, answer.length));
        break;
      case "end":
        this.#scans.get(answer.scan)?.end(answer.error, answer.layout);
        break;
      default:
        this.#options.onOther?.(answer);
    }
  }

  #end(cause: unknown): void {
    if (this.#gone === undefined) {
      const reason = cause instanceof Error ? cause.message : "it ended";
      const text = `${this.#options.file}: the scanning thread failed: ${reason}`;
      this.#gone = new BackendError("IO", text, { cause });
      this.#options.onGone?.(this.#gone);
    }
    const { code, message } = this.#gone;
    for (const settle of this.#views.values()) settle({ code, message });
    this.#views.clear();
    for (const scan of this.#scans.values()) scan.fail({ code, message });
  }
}

/** The batches or pages that have come and were not taken: at most `SCAN_AHEAD_BATCHES`. */
class RunningScan<Part> {
  readonly view: number;
  /** What the meta pages have to say, once pages have ended. */
  layout: PagesLayout | undefined;
  readonly #memory: PagesMemory | undefined;
  #ready: Part[] = [];
  #error: SentError | undefined;
  #wake: (() => void) | undefined;
  #spare: ArrayBuffer[] = [];
  ended = false;

  /** @param memory what comes back for the thread, if not by `giveBack` */
  constructor(view: number, memory?: PagesMemory) {
    this.view = view;
    this.#memory = memory;
  }

  add(part: Part): void {
    if (this.ended) return;
    this.#ready.push(part);
    this.#wake?.();
  }

  /** Keeps the memory of a batch for the thread. */
  giveBack(memory: ArrayBuffer): void {
    if (!this.ended) this.#spare.push(memory);
  }

  takeSpare(): ArrayBuffer[] {
    return this.#memory?.takeSpare() ?? this.#spare.splice(0);
  }

  end(error: SentError | undefined, layout?: PagesLayout): void {
    if (this.ended) return;
    this.ended = true;
    this.layout = layout;
    this.#error = error;
    this.#wake?.();
  }

  /** Ends it at once, with what has come. */
  fail(error: SentError): void {
    this.#ready = [];
    this.ended = true;
    this.#error = error;
    this.#wake?.();
  }

  /** Undefined at the end. */
  async next(): Promise<Part | undefined> {
    while (this.#ready.length === 0 && !this.ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const part = this.#ready.shift();
    if (part !== undefined) return part;
    if (this.#error !== undefined) throw new BackendError(this.#error.code, this.#error.message);
    return undefined;
  }
}
