import type { ClientRequest, IncomingMessage } from "node:http";
import { hexId, type Timer } from "@kvorum/base";
import type { Message } from "@kvorum/raft";
import { answerOf, readBody, toPeerError } from "./http-call.js";
import { peerLimits } from "./limits.js";
import { frameMessage } from "./message-stream-codec.js";
import { PeerError } from "./peer-error.js";
import { requestHeaders } from "./peer-headers.js";
import type { PeerHost } from "./peer-host.js";
import type { PeerRoute } from "./peer-route.js";
import { logRefusal, refusalOf } from "./pipeline.js";

/** A db file to send. */
export interface SnapshotDb {
  /** As announced in the log; the bytes themselves end where `chunks` ends. */
  readonly totalBytes: number;
  readonly chunks: AsyncIterable<Buffer>;
  /** Called once, when nothing more is read, whatever came of it. */
  close(): void;
}

export interface SnapshotSenderOptions extends PeerRoute {
  readonly host: PeerHost;
}

/**
 * Posts a snapshot: the message behind its length, then the db file, read only as fast as the far
 * end takes it. Reports to the host what came of it; never throws.
 */
export async function sendSnapshot(
  options: SnapshotSenderOptions,
  message: Message,
  db: SnapshotDb,
): Promise<void> {
  const { peerId, picker, status, cells, clock, logger, host } = options;
  const startMs = clock.nowMs();
  const fields = {
    "snapshot-index": message.snapshot?.metadata.index ?? 0,
    "remote-peer-id": hexId(peerId),
    bytes: db.totalBytes,
    size: readableSize(db.totalBytes),
  };
  logger.info("sending database snapshot", fields);
  cells.snapshotsSending.value++;
  const url = picker.pick();
  const failure = await attempt(options, { url, message, db });
  cells.snapshotsSending.value--;
  db.close();
  if (failure === undefined) {
    status.activate();
    cells.sentBytes.value += db.totalBytes;
    cells.snapshotSends.value++;
    cells.snapshotSendSeconds.observe((clock.nowMs() - startMs) / 1000);
    logger.info("sent database snapshot", fields);
    host.reportSnapshot(peerId, true);
    return;
  }
  logger.warn("failed to send database snapshot", { ...fields, error: failure });
  if (url !== undefined) picker.markUnreachable(url);
  status.deactivate({ source: "sendMsgSnap", action: "post", reason: failure.message });
  cells.sendFailures.value++;
  cells.snapshotSendFailures.value++;
  host.reportUnreachable(peerId);
  host.reportSnapshot(peerId, false);
  if (failure.code === "REMOVED") host.onRemoved();
}

/** What humans call it, in powers of 1000, as etcd's log lines do. */
export function readableSize(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  if (bytes < 10) return `${bytes} B`;
  const power = Math.min(units.length - 1, Math.floor(Math.log(bytes) / Math.log(1000)));
  const value = Math.floor((bytes / 1000 ** power) * 10 + 0.5) / 10;
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ${units[power]}`;
}

interface Delivery {
  readonly url: string | undefined;
  readonly message: Message;
  readonly db: SnapshotDb;
}

async function attempt(
  options: SnapshotSenderOptions,
  { url, message, db }: Delivery,
): Promise<PeerError | undefined> {
  const { local, peerId, dialer, logger, signal } = options;
  if (url === undefined) return new PeerError("UNREACHABLE", "the peer has no URL");
  const path = "/raft/snapshot";
  const headers = { ...requestHeaders(local), "Content-Type": "application/octet-stream" };
  const target = { url, path, method: "POST", headers, signal } as const;
  try {
    const request = dialer.open(target);
    try {
      const response = await upload(request, { head: frameMessage(message), db, options });
      const body = await readBody(response, peerLimits.answerBytesMax);
      const answer = { status: response.statusCode ?? 0, headers: response.headers, body };
      const refusal = refusalOf(answer, `${url}${path}`);
      if (refusal !== undefined) logRefusal(refusal, { answer, logger, local, peerId });
      return refusal;
    } finally {
      request.destroy();
    }
  } catch (error) {
    return toPeerError(error, target);
  }
}

async function upload(
  request: ClientRequest,
  {
    head,
    db,
    options: { clock },
  }: {
    readonly head: Buffer;
    readonly db: SnapshotDb;
    readonly options: SnapshotSenderOptions;
  },
): Promise<IncomingMessage> {
  let stall: Timer | undefined;
  const watch = (limitMs: number) => {
    stall?.clear();
    stall = clock.after(limitMs, () => request.destroy(new PeerError("TIMED_OUT", "i/o timeout")));
  };
  // An answer that comes before the end is a refusal: the rest need not be sent.
  const answer = answerOf(request);
  answer.catch(() => {});
  const isAnswered = answer.then(
    () => true,
    () => true,
  );
  try {
    request.write(head);
    for await (const chunk of db.chunks) {
      if (request.destroyed) break;
      watch(peerLimits.snapshotStallMs);
      if (request.write(chunk)) continue;
      const drained = new Promise<boolean>((resolve) =>
        request.once("drain", () => resolve(false)),
      );
      if (await Promise.race([drained, isAnswered])) break;
    }
    watch(peerLimits.snapshotAnswerTimeoutMs);
    if (!request.destroyed) request.end();
    return await answer;
  } finally {
    stall?.clear();
  }
}
