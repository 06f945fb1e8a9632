import type { Clock } from "@kvorum/base";
import type { Metadata, Peer } from "@kvorum/grpc";
import type { PageResponse } from "../http/page.js";
import type { GatewayLimits } from "./limits.js";
import type { Route } from "./routes.js";

/** What a call over HTTP is made of. */
export interface CallContext {
  readonly route: Route;
  readonly metadata: Metadata;
  readonly peer: Peer;
  readonly response: PageResponse;
  readonly clock: Clock;
  /** On `clock.nowMs`, or Infinity. */
  readonly deadlineMs: number;
  readonly limits: GatewayLimits;
  /** The call is over, however it ended. */
  readonly onOver: () => void;
}
