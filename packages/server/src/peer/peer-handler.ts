import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Clock, MemberId } from "@kvorum/base";
import { respondNotFound } from "../http/respond.js";
import type { Logger } from "../observe/logger.js";
import { serveMessage } from "./pages/message-page.js";
import { serveQuery } from "./pages/query-pages.js";
import { serveSnapshot } from "./pages/snapshot-page.js";
import { serveStream } from "./pages/stream-page.js";
import type { LocalIdentity } from "./peer-headers.js";
import type { PeerHost } from "./peer-host.js";
import type { PeerMetrics } from "./peer-metrics.js";
import type { StreamKind } from "./stream-codec.js";

/** What the pages of the peer port need. */
export interface PeerPages {
  readonly local: LocalIdentity;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly host: PeerHost;
  readonly metrics: PeerMetrics;
  readonly isStopped: () => boolean;
  /** How many snapshots are being received. */
  readonly snapshots: { receiving: number };
  readonly isPeer: (id: MemberId) => boolean;
  /** False before the first entries are applied, and once the transport has stopped. */
  readonly hasPeers: () => boolean;
  /** Hands a stream to its peer, whose headers have been sent. */
  readonly attach: (id: MemberId, kind: StreamKind, response: ServerResponse) => void;
  readonly addRemote: (id: MemberId, urls: readonly string[]) => void;
}

/** Everything that the peer port answers. Source: etcd's newPeerHandler and rafthttp's Handler. */
export function createPeerHandler(pages: PeerPages): RequestListener {
  return (request, response) => {
    // A caller that goes away is noticed where its bytes are read or written.
    request.on("error", () => {});
    response.on("error", () => {});
    const path = (request.url ?? "/").split("?", 1)[0]!;
    route(pages, path, { request, response });
  };
}

/** A request and what it is answered with. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

function route(pages: PeerPages, path: string, exchange: Exchange): void {
  if (path === "/raft") {
    void serveMessage(pages, exchange);
  } else if (path.startsWith("/raft/stream/")) {
    serveStream(pages, path, exchange);
  } else if (path === "/raft/snapshot") {
    void serveSnapshot(pages, exchange);
  } else if (!serveQuery(pages, path, exchange)) {
    respondNotFound(exchange.response);
  }
}
