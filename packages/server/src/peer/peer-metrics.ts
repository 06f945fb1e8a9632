import { hexId, type MemberId } from "@kvorum/base";
import type { Histogram } from "../observe/histogram.js";
import type { Cell } from "../observe/labelled-counters.js";
import {
  createLabelledFamilies,
  type LabelledFamilies,
  PeerHistograms,
} from "../observe/labelled-families.js";

/** The part of the node's metrics that the traffic between members counts in. */
export interface PeerMetrics {
  readonly labelled: LabelledFamilies;
  readonly peers: PeerHistograms;
}

/** Counters that nobody reads, for a transport without metrics. */
export function createUnreadMetrics(): PeerMetrics {
  return { labelled: createLabelledFamilies(), peers: new PeerHistograms() };
}

/** The counters of one peer, looked up once. */
export interface PeerCells {
  readonly sentBytes: Cell;
  readonly sendFailures: Cell;
  readonly receivedBytes: Cell;
  readonly receiveFailures: Cell;
  readonly active: Cell;
  readonly known: Cell;
  readonly disconnections: Cell;
  readonly snapshotSends: Cell;
  readonly snapshotSendFailures: Cell;
  readonly snapshotsSending: Cell;
  readonly snapshotSendSeconds: Histogram;
  readonly roundTripSeconds: Histogram;
}

export function cellsOf(metrics: PeerMetrics, local: MemberId, remote: MemberId): PeerCells {
  const { labelled, peers } = metrics;
  const here = hexId(local);
  const there = hexId(remote);
  return {
    sentBytes: labelled.peerSentBytes.cell(there),
    sendFailures: labelled.peerSendFailures.cell(there),
    receivedBytes: labelled.peerReceivedBytes.cell(there),
    receiveFailures: labelled.peerReceiveFailures.cell(there),
    active: labelled.activePeers.cell(here, there),
    known: labelled.knownPeers.cell(here, there),
    disconnections: labelled.disconnectedPeers.cell(here, there),
    snapshotSends: labelled.snapshotSendSuccesses.cell(there),
    snapshotSendFailures: labelled.snapshotSendFailures.cell(there),
    snapshotsSending: labelled.snapshotSendsInflight.cell(there),
    snapshotSendSeconds: peers.snapshotSend(there),
    roundTripSeconds: peers.roundTrip(there),
  };
}
