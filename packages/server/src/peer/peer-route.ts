import type { Clock, MemberId } from "@kvorum/base";
import type { Logger } from "../observe/logger.js";
import type { Dialer } from "./dialer.js";
import type { LocalIdentity } from "./peer-headers.js";
import type { PeerCells } from "./peer-metrics.js";
import type { PeerStatus } from "./peer-status.js";
import type { UrlPicker } from "./url-picker.js";

/** What every request to one peer needs: who it is, how it is reached, and where that is noted. */
export interface PeerRoute {
  readonly peerId: MemberId;
  readonly local: LocalIdentity;
  readonly picker: UrlPicker;
  readonly status: PeerStatus;
  readonly cells: PeerCells;
  readonly dialer: Dialer;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends what is under way when the peer is given up. */
  readonly signal: AbortSignal;
}
