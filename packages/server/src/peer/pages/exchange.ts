import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock, MemberId } from "@kvorum/base";
import type { Logger } from "../../observe/logger.js";
import type { LocalIdentity } from "../peer-headers.js";
import type { PeerHost } from "../peer-host.js";
import type { PeerMetrics } from "../peer-metrics.js";
import type { StreamKind } from "../stream-codec.js";

/** A request and what it is answered with. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

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
