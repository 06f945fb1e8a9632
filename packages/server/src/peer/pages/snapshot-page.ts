import { hexId, messageOf } from "@kvorum/base";
import { type Message, MessageType } from "@kvorum/raft";
import { formatGoDuration } from "../../config/go-text.js";
import { respondError } from "../../http/respond.js";
import { peerLimits } from "../limits.js";
import { decodeMessage, sizeMessage } from "../message-codec.js";
import { PeerError } from "../peer-error.js";
import { readableSize } from "../snapshot-sender.js";
import type { Exchange, PeerPages } from "./exchange.js";
import { findMessageRefusal, refuseMethod, refuseStranger, rememberSender } from "./raft-checks.js";
import { SnapshotBody } from "./snapshot-body.js";

const UNKNOWN_SENDER = "UNKNOWN_SNAPSHOT_SENDER";

/** POST /raft/snapshot: the message behind its length, then the db file up to the end of the body. */
export async function serveSnapshot(pages: PeerPages, exchange: Exchange): Promise<void> {
  const { request, response } = exchange;
  const { local, metrics } = pages;
  const failures = metrics.labelled.snapshotReceiveFailures;
  if (refuseMethod(exchange, "POST")) {
    failures.cell(UNKNOWN_SENDER).value++;
    return;
  }
  response.setHeader("X-Etcd-Cluster-ID", hexId(local.clusterId));
  if (refuseStranger(pages, exchange)) {
    failures.cell(UNKNOWN_SENDER).value++;
    return;
  }
  rememberSender(pages, exchange);
  const body = new SnapshotBody(request);
  const message = await readHead(pages, exchange, body);
  if (message === undefined) return;
  const inflight = metrics.labelled.snapshotReceivesInflight.cell(hexId(message.from));
  inflight.value++;
  try {
    await receive(pages, exchange, { message, body });
  } finally {
    inflight.value--;
  }
}

async function readHead(
  { local, logger, metrics }: PeerPages,
  { response }: Exchange,
  body: SnapshotBody,
): Promise<Message | undefined> {
  const refuse = (from: bigint, failure: string, answer: string) => {
    metrics.labelled.snapshotReceiveFailures.cell(hexId(from)).value++;
    const ids = { "local-member-id": hexId(local.memberId) };
    logger.warn(failure, { ...ids, "remote-snapshot-sender-id": hexId(from), error: answer });
    response.setHeader("Connection", "close");
    respondError(response, 400, answer);
  };
  let message: Message;
  try {
    message = decodeMessage(await body.readHead(peerLimits.snapshotMessageBytesMax));
  } catch (error) {
    const answer = `failed to decode raft message (${messageOf(error)})`;
    refuse(0n, "failed to decode Raft message", answer);
    return undefined;
  }
  if (message.type === MessageType.Snap && message.snapshot !== undefined) return message;
  refuse(message.from, "unexpected Raft message type", "wrong raft message type");
  return undefined;
}

async function receive(
  pages: PeerPages,
  exchange: Exchange,
  { message, body }: { readonly message: Message; readonly body: SnapshotBody },
): Promise<void> {
  const { local, host, logger, metrics, clock } = pages;
  const { labelled, peers } = metrics;
  const from = hexId(message.from);
  const startMs = clock.nowMs();
  const fields = {
    "local-member-id": hexId(local.memberId),
    "remote-snapshot-sender-id": from,
    "incoming-snapshot-index": message.snapshot?.metadata.index ?? 0,
  };
  const messageBytes = sizeMessage(message).bytes;
  logger.info("receiving database snapshot", {
    ...fields,
    "incoming-snapshot-message-size-bytes": messageBytes,
    "incoming-snapshot-message-size": readableSize(messageBytes),
  });
  try {
    await save(pages, message, body);
  } catch (error) {
    logger.warn("failed to save incoming database snapshot", { ...fields, error });
    labelled.snapshotReceiveFailures.cell(from).value++;
    exchange.response.setHeader("Connection", "close");
    const answer = `failed to save KV snapshot (${messageOf(error)})`;
    respondError(exchange.response, 500, answer);
    return;
  }
  labelled.peerReceivedBytes.cell(from).value += messageBytes + body.dbBytes;
  const tookMs = clock.nowMs() - startMs;
  logger.info("received and saved database snapshot", {
    ...fields,
    "incoming-snapshot-size-bytes": body.dbBytes,
    "incoming-snapshot-size": readableSize(body.dbBytes),
    "download-took": formatGoDuration(Math.round(tookMs * 1e6)),
  });
  const refusal = findMessageRefusal(pages, message);
  if (refusal !== undefined) {
    logger.warn("failed to process Raft message", { ...fields, error: refusal });
    labelled.snapshotReceiveFailures.cell(from).value++;
    respondError(exchange.response, 500, `failed to process raft message (${refusal})`);
    return;
  }
  host.step(message);
  exchange.response.writeHead(204);
  exchange.response.end();
  labelled.snapshotReceiveSuccesses.cell(from).value++;
  peers.snapshotReceive(from).observe((clock.nowMs() - startMs) / 1000);
}

async function save(pages: PeerPages, message: Message, body: SnapshotBody): Promise<void> {
  const { snapshots, host } = pages;
  if (pages.isStopped()) throw new PeerError("STOPPED", "server stopped");
  if (snapshots.receiving >= peerLimits.snapshotsInFlightMax) {
    throw new PeerError("REFUSED", "too many snapshots at the same time");
  }
  snapshots.receiving++;
  try {
    await host.receiveSnapshot(message, body.db());
  } finally {
    snapshots.receiving--;
  }
}
