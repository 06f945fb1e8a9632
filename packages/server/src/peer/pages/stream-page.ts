import { hexId } from "@kvorum/base";
import { etcdVersion } from "../../config/version.js";
import { respondError } from "../../http/respond.js";
import { headerOf, parseHexId } from "../peer-headers.js";
import type { StreamKind } from "../stream-codec.js";
import type { Exchange, PeerPages } from "./exchange.js";
import { refuseMethod, refuseStranger, rememberSender } from "./raft-checks.js";

const KINDS: ReadonlyMap<string, StreamKind> = new Map([
  ["/raft/stream/msgapp", "msgapp"],
  ["/raft/stream/message", "message"],
]);

/** GET /raft/stream/<kind>/<id of the asking member>: an answer that goes on for ever. */
export function serveStream(pages: PeerPages, path: string, exchange: Exchange): void {
  const { request, response } = exchange;
  const { local, host, logger } = pages;
  if (refuseMethod(exchange, "GET")) return;
  response.setHeader("X-Server-Version", etcdVersion);
  response.setHeader("X-Etcd-Cluster-ID", hexId(local.clusterId));
  if (refuseStranger(pages, exchange)) return;
  const slash = path.lastIndexOf("/");
  const kind = KINDS.get(path.slice(0, slash));
  if (kind === undefined) {
    respondError(response, 404, "invalid path");
    return;
  }
  const fromText = path.slice(slash + 1);
  const from = parseHexId(fromText);
  const ids = { "local-member-id": hexId(local.memberId), "remote-peer-id-from": fromText };
  if (from === undefined) {
    logger.warn("failed to parse path into ID", { ...ids, path: fromText });
    respondError(response, 404, "invalid from");
    return;
  }
  if (host.isRemoved(from)) {
    logger.warn("rejected stream from remote peer because it was removed", ids);
    respondError(response, 410, "removed member");
    return;
  }
  const to = headerOf(request.headers, "x-raft-to");
  if (!pages.isPeer(from)) {
    rememberSender(pages, exchange, fromText);
    const cluster = { "cluster-id": hexId(local.clusterId) };
    const message = "failed to find remote peer in cluster";
    // Normal while this member starts or stops, when the others dial it again and again.
    if (pages.hasPeers()) logger.warn(message, { ...ids, ...cluster });
    else logger.debug(message, { ...ids, ...cluster });
    respondError(response, 404, "error sender not found");
  } else if (to !== hexId(local.memberId)) {
    logger.warn("ignored streaming request; ID mismatch", { ...ids, "remote-peer-id-header": to });
    respondError(response, 412, "to field mismatch");
  } else {
    response.writeHead(200);
    response.flushHeaders();
    pages.attach(from, kind, response);
  }
}
