import type { RequestListener } from "node:http";
import { respondNotFound } from "../http/respond.js";
import type { Exchange, PeerPages } from "./pages/exchange.js";
import { serveMessage } from "./pages/message-page.js";
import { serveQuery } from "./pages/query-pages.js";
import { serveSnapshot } from "./pages/snapshot-page.js";
import { serveStream } from "./pages/stream-page.js";

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
