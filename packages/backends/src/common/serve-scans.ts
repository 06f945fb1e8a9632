import type { MessagePort } from "node:worker_threads";
import { buildPages } from "../boltfile/build-pages.js";
import { ChunkMemory } from "../boltfile/chunk-memory.js";
import { CHUNK_BYTES_DEFAULT } from "../boltfile/limits.js";
import type { Bucket, PackedRecords, PagesLayout, ScanBatch, ScanRange } from "../port.js";
import { toBackendError } from "./backend-errors.js";
import { BatchMemory } from "./batch-memory.js";
import { PackedBatch } from "./packed-batch.js";
import type { ScanAnswer, ScanRequest, SentError } from "./scan-messages.js";

/** A view inside the scanning thread. What it throws reaches the reader of the scan. */
export interface ServedView {
  /**
   * The batches; each stands in memory of its own, which is given away.
   * @param memory what readers have given back of it
   */
  scan(bucket: Bucket, range: ScanRange, memory: BatchMemory): Batches;
  close(): void | Promise<void>;
}

type Batches = Iterator<PackedRecords, void> | AsyncIterator<PackedRecords, void>;

/** What is asked for part by part. */
interface ServedScan {
  readonly view: number;
  readonly parts: Batches | AsyncIterator<Buffer, PagesLayout>;
  /** Takes memory of parts back. */
  giveBack(memory: readonly ArrayBuffer[]): void;
}

/**
 * The thread's side of `ScanThread`: answers its requests from the views that `open` makes.
 * @param file what to name in errors
 */
export function serveScans(port: MessagePort, file: string, open: OpenView): void {
  const server = new ScanServer(port, file, open);
  port.on("message", (request: ScanRequest) => server.take(request));
}

type OpenView = (parameters: unknown) => ServedView | Promise<ServedView>;

class ScanServer {
  readonly #port: MessagePort;
  readonly #file: string;
  readonly #open: OpenView;
  readonly #views = new Map<number, ServedView>();
  readonly #scans = new Map<number, ServedScan>();

  constructor(port: MessagePort, file: string, open: OpenView) {
    this.#port = port;
    this.#file = file;
    this.#open = open;
  }

  take(request: ScanRequest): void {
    switch (request.kind) {
      case "view":
        void this.#answerView(request.view, async () => {
          this.#views.set(request.view, await this.#open(request.parameters));
        });
        break;
      case "close":
        void this.#answerView(request.view, () => this.#close(request.view));
        break;
      case "scan":
      case "pages":
        this.#begin(request);
        break;
      case "more":
        this.#scans.get(request.scan)?.giveBack(request.memory);
        for (let i = 0; i < request.batches; i++) void this.#produce(request.scan);
        break;
      case "stop":
        void this.#scans.get(request.scan)?.parts.return?.();
        this.#scans.delete(request.scan);
        break;
    }
  }

  async #answerView(view: number, work: () => Promise<void>): Promise<void> {
    let error: SentError | undefined;
    try {
      await work();
    } catch (cause) {
      error = sentError(cause, this.#file);
    }
    this.#send({ kind: "view", view, error });
  }

  async #close(id: number): Promise<void> {
    for (const [scan, { view }] of this.#scans) if (view === id) this.#scans.delete(scan);
    const view = this.#views.get(id);
    this.#views.delete(id);
    await view?.close();
  }

  #begin(request: RequestOf<"scan"> | RequestOf<"pages">): void {
    const { scan, view } = request;
    const from = this.#views.get(view);
    if (from === undefined) {
      this.#end(scan, { code: "CLOSED", message: `${this.#file}: the view is closed` });
      return;
    }
    this.#scans.set(scan, request.kind === "scan" ? scanOf(from, request) : pagesOf(from, request));
    void this.#produce(scan);
  }

  /** Calls may overlap; an asynchronous generator then answers them in their order. */
  async #produce(scan: number): Promise<void> {
    const served = this.#scans.get(scan);
    if (served === undefined) return;
    try {
      const next = await served.parts.next();
      // The reader has left, or the end was told before.
      if (!this.#scans.has(scan)) return;
      if (next.done) this.#end(scan, undefined, next.value ?? undefined);
      else this.#sendPart(scan, next.value);
    } catch (error) {
      if (this.#scans.has(scan)) this.#end(scan, sentError(error, this.#file));
    }
  }

  #end(scan: number, error?: SentError, layout?: PagesLayout): void {
    this.#scans.delete(scan);
    this.#send({ kind: "end", scan, error, layout });
  }

  #sendPart(scan: number, part: PackedRecords | Buffer): void {
    if (Buffer.isBuffer(part)) {
      const bytes = part.buffer as ArrayBuffer;
      this.#send({ kind: "pages", scan, bytes, length: part.length }, [bytes]);
      return;
    }
    const bytes = part.bytes.buffer as ArrayBuffer;
    const bounds = part.bounds.buffer as ArrayBuffer;
    this.#send({ kind: "batch", scan, count: part.count, bytes, bounds }, [bytes, bounds]);
  }

  #send(answer: ScanAnswer, transfer: ArrayBuffer[] = []): void {
    this.#port.postMessage(answer, transfer);
  }
}

type RequestOf<Kind> = Extract<ScanRequest, { readonly kind: Kind }>;

function scanOf(from: ServedView, { view, bucket, start, end }: RequestOf<"scan">): ServedScan {
  const memory = new BatchMemory();
  const parts = from.scan(bucket, { start, end }, memory);
  return { view, parts, giveBack: (spare) => memory.give(spare) };
}

/** The batches stay in this thread, and so in the cache of its processor. */
function pagesOf(from: ServedView, { view, pageSize, rootPage }: RequestOf<"pages">): ServedScan {
  const memory = new ChunkMemory(CHUNK_BYTES_DEFAULT);
  const source = { scan: (bucket: Bucket) => batchesOf(from, bucket) };
  return {
    view,
    parts: buildPages(source, { pageSize, memory }, rootPage),
    giveBack(spare) {
      for (const chunk of spare) memory.give(Buffer.from(chunk));
    },
  };
}

async function* batchesOf(from: ServedView, bucket: Bucket): AsyncGenerator<ScanBatch> {
  const memory = new BatchMemory();
  const batches = from.scan(bucket, {}, memory);
  try {
    for (let step = await batches.next(); !step.done; step = await batches.next()) {
      const records = step.value;
      const recycle = (): void => memory.give([records.bytes.buffer as ArrayBuffer]);
      yield new PackedBatch({ ...records, recycle });
    }
  } finally {
    await batches.return?.();
  }
}

export function sentError(error: unknown, file: string): SentError {
  const { code, message } = toBackendError(error, file);
  return { code, message };
}
