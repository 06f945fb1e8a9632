import { hexId, messageOf } from "@kvorum/base";
import type { Message } from "@kvorum/raft";
import { respondError } from "../../http/respond.js";
import { readBody } from "../http-call.js";
import { peerLimits } from "../limits.js";
import { decodeMessage } from "../message-codec.js";
import { headerOf } from "../peer-headers.js";
import { isLocal } from "../raft-message.js";
import type { Exchange, PeerPages } from "./exchange.js";
import { findMessageRefusal, refuseMethod, refuseStranger, rememberSender } from "./raft-checks.js";

/** POST /raft: one message, from a member that has no stream to send on. */
export async function serveMessage(pages: PeerPages, exchange: Exchange): Promise<void> {
  const { response } = exchange;
  const { local, host, metrics, logger } = pages;
  if (refuseMethod(exchange, "POST")) return;
  response.setHeader("X-Etcd-Cluster-ID", hexId(local.clusterId));
  if (refuseStranger(pages, exchange)) return;
  rememberSender(pages, exchange);
  const received = await readMessage(pages, exchange);
  if (received === undefined) return;
  const { message, bytes } = received;
  metrics.labelled.peerReceivedBytes.cell(hexId(message.from)).value += bytes;
  const refusal = findMessageRefusal(pages, message);
  if (refusal !== undefined) {
    const ids = { "local-member-id": hexId(local.memberId) };
    logger.warn("failed to process Raft message", { ...ids, error: refusal });
    response.setHeader("Connection", "close");
    respondError(response, 500, "error processing raft message");
    return;
  }
  if (!isLocal(message)) host.step(message);
  response.writeHead(204);
  response.end();
}

async function readMessage(
  { local, logger, metrics }: PeerPages,
  { request, response }: Exchange,
): Promise<{ readonly message: Message; readonly bytes: number } | undefined> {
  const refuse = (failure: string, answer: string, error: unknown) => {
    const from = headerOf(request.headers, "x-server-from");
    metrics.labelled.peerReceiveFailures.cell(from).value++;
    logger.warn(failure, { "local-member-id": hexId(local.memberId), error: messageOf(error) });
    respondError(response, 400, answer);
  };
  let body: Buffer;
  try {
    body = await readBody(request, peerLimits.messageBytesMax);
  } catch (error) {
    refuse("failed to read Raft message", "error reading raft message", error);
    return undefined;
  }
  try {
    return { message: decodeMessage(body), bytes: body.length };
  } catch (error) {
    refuse("failed to unmarshal Raft message", "error unmarshalling raft message", error);
    return undefined;
  }
}
