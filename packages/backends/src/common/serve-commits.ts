import type { MessagePort } from "node:worker_threads";
import type { BackendError } from "../port.js";
import { toBackendError } from "./backend-errors.js";
import type { CommitAnswer, CommitRequest } from "./commit-messages.js";

/** A store inside the committing thread; all calls are synchronous. */
export interface ServedStore<Work, Result> {
  /** Makes a commit of packed operations durable. */
  commit(packed: Buffer): Result;
  work(work: Work): Result;
  close(): void;
}

/**
 * The thread's side of `CommitThread`. After the first failure everything is refused with it,
 * because it was asked for without knowing.
 * @param file what to name in errors
 */
export function serveCommits<Work, Result>(
  port: MessagePort,
  file: string,
  store: ServedStore<Work, Result>,
): void {
  let failure: BackendError | undefined;
  const send = (answer: CommitAnswer<Result>, transfer: ArrayBuffer[] = []): void =>
    port.postMessage(answer, transfer);
  const run = (request: Exclude<CommitRequest<Work>, { kind: "close" }>): Result => {
    if (failure !== undefined) throw failure;
    if (request.kind === "work") return store.work(request.work);
    return store.commit(Buffer.from(request.packed, 0, request.length));
  };
  port.on("message", (request: CommitRequest<Work>) => {
    const { id, kind } = request;
    try {
      if (kind === "close") {
        store.close();
        send({ id, closed: true });
        port.close();
        return;
      }
      const result = run(request);
      if (kind === "commit") send({ id, result, packed: request.packed }, [request.packed]);
      else send({ id, result });
    } catch (error) {
      failure ??= toBackendError(error, file);
      send({ id, error: { code: failure.code, message: failure.message } });
    }
  });
}
