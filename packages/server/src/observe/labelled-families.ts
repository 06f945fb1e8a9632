import { exponentialBounds, Histogram } from "./histogram.js";
import { LabelledCounters, OTHER } from "./labelled-counters.js";
import { observeLimits } from "./limits.js";
import { histogramSamples, type MetricFamily } from "./metric-family.js";

const counter = (name: string, labels: readonly string[], help: string) =>
  new LabelledCounters({ name, help, type: "counter", labels });
const gauge = (name: string, labels: readonly string[], help: string) =>
  new LabelledCounters({ name, help, type: "gauge", labels });

/** The families with labels other than gRPC's. Member ids are written in hex. */
export function createLabelledFamilies() {
  return {
    /** client_api_version is "unknown" when a client sends none. */
    clientRequests: counter(
      "etcd_server_client_requests_total",
      ["client_api_version", "type"],
      "Requests of clients, type unary or stream.",
    ),
    alarms: gauge(
      "etcd_debugging_server_alarms",
      ["alarm_type", "server_id"],
      "1 while an alarm is raised.",
    ),
    healthCheck: gauge("etcd_server_healthcheck", ["name", "type"], "Result of each check."),
    healthChecks: counter(
      "etcd_server_healthchecks_total",
      ["name", "status", "type"],
      "Health checks run.",
    ),
    healthSuccesses: counter("etcd_server_health_success", [], "Successful health checks."),
    healthFailures: counter("etcd_server_health_failures", [], "Failed health checks."),
    promoteFailures: counter(
      "etcd_server_learner_promote_failures",
      ["Reason"],
      "Promotions of learners that failed while this member led.",
    ),
    activePeers: gauge("etcd_network_active_peers", ["Local", "Remote"], "Connected peers."),
    knownPeers: gauge("etcd_network_known_peers", ["Local", "Remote"], "Known peers."),
    disconnectedPeers: counter(
      "etcd_network_disconnected_peers_total",
      ["Local", "Remote"],
      "Disconnections of peers.",
    ),
    peerReceivedBytes: counter(
      "etcd_network_peer_received_bytes_total",
      ["From"],
      "Peer bytes in.",
    ),
    peerReceiveFailures: counter(
      "etcd_network_peer_received_failures_total",
      ["From"],
      "Failures to receive from a peer.",
    ),
    peerSentBytes: counter("etcd_network_peer_sent_bytes_total", ["To"], "Peer bytes out."),
    peerSendFailures: counter(
      "etcd_network_peer_sent_failures_total",
      ["To"],
      "Failures to send to a peer.",
    ),
    snapshotSendSuccesses: counter("etcd_network_snapshot_send_success", ["To"], "Snapshots sent."),
    snapshotSendFailures: counter(
      "etcd_network_snapshot_send_failures",
      ["To"],
      "Snapshots that could not be sent.",
    ),
    snapshotSendsInflight: gauge(
      "etcd_network_snapshot_send_inflights_total",
      ["To"],
      "Snapshots being sent.",
    ),
    snapshotReceiveSuccesses: counter(
      "etcd_network_snapshot_receive_success",
      ["From"],
      "Snapshots received.",
    ),
    snapshotReceiveFailures: counter(
      "etcd_network_snapshot_receive_failures",
      ["From"],
      "Snapshots that could not be received.",
    ),
    snapshotReceivesInflight: gauge(
      "etcd_network_snapshot_receive_inflights_total",
      ["From"],
      "Snapshots being received.",
    ),
  } as const;
}

export type LabelledFamilies = ReturnType<typeof createLabelledFamilies>;

const ROUND_TRIP_BOUNDS = exponentialBounds(0.0001, { factor: 2, count: 16 });
const SNAPSHOT_BOUNDS = exponentialBounds(0.1, { factor: 2, count: 10 });

/** Histograms by peer. Hold what is returned. */
export class PeerHistograms {
  readonly #roundTrip = new Map<string, Histogram>();
  readonly #snapshotSend = new Map<string, Histogram>();
  readonly #snapshotReceive = new Map<string, Histogram>();

  /** Seconds to a peer and back. */
  roundTrip(to: string): Histogram {
    return take(this.#roundTrip, to, ROUND_TRIP_BOUNDS);
  }

  snapshotSend(to: string): Histogram {
    return take(this.#snapshotSend, to, SNAPSHOT_BOUNDS);
  }

  snapshotReceive(from: string): Histogram {
    return take(this.#snapshotReceive, from, SNAPSHOT_BOUNDS);
  }

  families(): readonly MetricFamily[] {
    const prefix = "etcd_network_";
    const trips = `${prefix}peer_round_trip_time_seconds`;
    const sends = `${prefix}snapshot_send_total_duration_seconds`;
    const receives = `${prefix}snapshot_receive_total_duration_seconds`;
    return [
      family({ name: trips, help: "Time to a peer and back.", label: "To" }, this.#roundTrip),
      family({ name: sends, help: "Time of sending a snapshot.", label: "To" }, this.#snapshotSend),
      family(
        { name: receives, help: "Time of receiving a snapshot.", label: "From" },
        this.#snapshotReceive,
      ),
    ];
  }
}

function take(known: Map<string, Histogram>, peer: string, bounds: readonly number[]): Histogram {
  let histogram = known.get(peer);
  if (histogram === undefined) {
    const isFull = known.size >= observeLimits.labelsPerFamilyMax;
    if (isFull && peer !== OTHER) return take(known, OTHER, bounds);
    histogram = new Histogram(bounds);
    known.set(peer, histogram);
  }
  return histogram;
}

function family(
  shape: { readonly name: string; readonly help: string; readonly label: string },
  known: ReadonlyMap<string, Histogram>,
): MetricFamily {
  const { name, help, label } = shape;
  const samples = () =>
    [...known].flatMap(([peer, histogram]) => histogramSamples(name, { [label]: peer }, histogram));
  return { name, help, type: "histogram", samples };
}
