import type { MessagePort } from "node:worker_threads";
import type { Bucket, PackedRecords, ScanRange } from "../port.js";
import { toBackendError } from "./backend-errors.js";
import { BatchMemory } from "./batch-memory.js";
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

interface ServedScan {
  readonly view: number;
  readonly batches: Batches;
  readonly memory: BatchMemory;
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
  const end = (scan: number, error?: SentError): void => {
    scans.delete(scan);
    send({ kind: "end", scan, error });
  };
  // Calls may overlap; an asynchronous generator then answers them in their order.
  const produce = async (scan: number): Promise<void> => {
    const served = scans.get(scan);
    if (served === undefined) return;
    try {
      const next = await served.batches.next();
      // The reader has left, or the end was told before.
      if (!scans.has(scan)) return;
      if (next.done) {
        end(scan);
        return;
      }
      const { count } = next.value;
      const bytes = next.value.bytes.buffer as ArrayBuffer;
      const bounds = next.value.bounds.buffer as ArrayBuffer;
      send({ kind: "batch", scan, count, bytes, bounds }, [bytes, bounds]);
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
      case "scan": {
        const { scan, view, bucket, start, end: to } = request;
        const memory = new BatchMemory();
        const batches = views.get(view)?.scan(bucket, { start, end: to }, memory);
        if (batches === undefined) {
          end(scan, { code: "CLOSED", message: `${file}: the view is closed` });
          break;
        }
        scans.set(scan, { view, batches, memory });
        void produce(scan);
        break;
      }
      case "more":
        scans.get(request.scan)?.memory.give(request.memory);
        for (let i = 0; i < request.batches; i++) void produce(request.scan);
        break;
      case "stop":
        void scans.get(request.scan)?.batches.return?.();
        scans.delete(request.scan);
        break;
    }
  });
}

export function sentError(error: unknown, file: string): SentError {
  const { code, message } = toBackendError(error, file);
  return { code, message };
}
