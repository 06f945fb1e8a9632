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
export function serveScans(
  port: MessagePort,
  file: string,
  open: (parameters: unknown) => ServedView | Promise<ServedView>,
): void {
  const views = new Map<number, ServedView>();
  const scans = new Map<number, ServedScan>();
  const send = (answer: ScanAnswer, transfer: ArrayBuffer[] = []): void =>
    port.postMessage(answer, transfer);
  const end = (scan: number, error?: SentError, layout?: PagesLayout): void => {
    scans.delete(scan);
    send({ kind: "end", scan, error, layout });
  };
  const sendPart = (scan: number, part: PackedRecords | Buffer): void => {
    if (Buffer.isBuffer(part)) {
      const bytes = part.buffer as ArrayBuffer;
      send({ kind: "pages", scan, bytes, length: part.length }, [bytes]);
      return;
    }
    const bytes = part.bytes.buffer as ArrayBuffer;
    const bounds = part.bounds.buffer as ArrayBuffer;
    send({ kind: "batch", scan, count: part.count, bytes, bounds }, [bytes, bounds]);
  };
  // Calls may overlap; an asynchronous generator then answers them in their order.
  const produce = async (scan: number): Promise<void> => {
    const served = scans.get(scan);
    if (served === undefined) return;
    try {
      const next = await served.parts.next();
      // The reader has left, or the end was told before.
      if (!scans.has(scan)) return;
      if (next.done) {
        end(scan, undefined, next.value ?? undefined);
        return;
      }
      sendPart(scan, next.value);
    } catch (error) {
      if (scans.has(scan)) end(scan, sentError(error, file));
    }
  };
  const answerView = async (view: number, work: () => void | Promise<void>): Promise<void> => {
    let error: SentError | undefined;
    try {
      await work();
    } catch (cause) {
      error = sentError(cause, file);
    }
    send({ kind: "view", view, error });
  };
  port.on("message", (request: ScanRequest) => {
    switch (request.kind) {
      case "view":
        void answerView(request.view, async () => {
          views.set(request.view, await open(request.parameters));
        });
        break;
      case "close":
        void answerView(request.view, async () => {
          for (const [id, { view }] of scans) if (view === request.view) scans.delete(id);
          const view = views.get(request.view);
          views.delete(request.view);
          await view?.close();
        });
        break;
      case "scan":
      case "pages": {
        const { scan, view } = request;
        const from = views.get(view);
        if (from === undefined) {
          end(scan, { code: "CLOSED", message: `${file}: the view is closed` });
          break;
        }
        scans.set(scan, request.kind === "scan" ? scanOf(from, request) : pagesOf(from, request));
        void produce(scan);
        break;
      }
      case "more":
        scans.get(request.scan)?.giveBack(request.memory);
        for (let i = 0; i < request.batches; i++) void produce(request.scan);
        break;
      case "stop":
        void scans.get(request.scan)?.parts.return?.();
        scans.delete(request.scan);
        break;
    }
  });
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
