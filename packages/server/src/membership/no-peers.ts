import { apiError } from "@kvorum/api";
import type { Peers } from "./peers.js";

/** A member without others: nothing is sent and nobody is connected. */
export const noPeers: Peers = {
  send: () => {},
  connectedSinceMs: () => undefined,
  membersChanged: () => {},
  serverVersionOf: () => Promise.resolve(undefined),
  promoteAtLeader: () => Promise.reject(apiError("noLeader")),
  renewLease: () => Promise.resolve(undefined),
  leaseTimeToLive: () => Promise.resolve(undefined),
  stop: () => Promise.resolve(),
};
