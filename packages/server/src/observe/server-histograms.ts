import { exponentialBounds, Histogram } from "./histogram.js";
import { histogramSamples, type MetricFamily } from "./metric-family.js";

const disk = exponentialBounds(0.001, { factor: 2, count: 14 });
const fine = exponentialBounds(0.0001, { factor: 2, count: 20 });

// biome-ignore format: a table reads best as rows.
const table = [
  ["backendCommit", "etcd_disk_backend_commit_duration_seconds", disk, "Time of an engine commit."],
  ["backendDefrag", "etcd_disk_backend_defrag_duration_seconds", exponentialBounds(0.1, { factor: 2, count: 13 }), "Time of a defragmentation."],
  ["backendSnapshot", "etcd_disk_backend_snapshot_duration_seconds", exponentialBounds(0.01, { factor: 2, count: 17 }), "Time of saving a snapshot."],
  ["walSync", "etcd_disk_wal_fsync_duration_seconds", disk, "Time until a write to the write-ahead log was durable."],
  ["walWrite", "etcd_disk_wal_write_duration_seconds", disk, "Time of a write to the write-ahead log."],
  ["hash", "etcd_mvcc_hash_duration_seconds", exponentialBounds(0.01, { factor: 2, count: 15 }), "Time of hashing the store."],
  ["hashByRevision", "etcd_mvcc_hash_rev_duration_seconds", exponentialBounds(0.01, { factor: 2, count: 15 }), "Time of hashing the store at a revision."],
  ["snapshotSync", "etcd_snap_fsync_duration_seconds", disk, "Time of syncing a Raft snapshot file."],
  ["snapshotDbSync", "etcd_snap_db_fsync_duration_seconds", disk, "Time of syncing a received db file."],
  ["snapshotDbSave", "etcd_snap_db_save_total_duration_seconds", exponentialBounds(0.1, { factor: 2, count: 10 }), "Time of saving a received db file."],
  ["snapshotSave", "etcd_debugging_snap_save_total_duration_seconds", disk, "Time of saving a Raft snapshot."],
  ["snapshotMarshal", "etcd_debugging_snap_save_marshalling_duration_seconds", disk, "Time of encoding a Raft snapshot."],
  ["compactionPauseMs", "etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds", exponentialBounds(1, { factor: 2, count: 13 }), "Milliseconds a compaction held up requests."],
  ["compactionTotalMs", "etcd_debugging_mvcc_db_compaction_total_duration_milliseconds", exponentialBounds(100, { factor: 2, count: 14 }), "Milliseconds of a whole compaction."],
  ["indexCompactionPauseMs", "etcd_debugging_mvcc_index_compaction_pause_duration_milliseconds", exponentialBounds(0.5, { factor: 2, count: 14 }), "Milliseconds the index's compaction held up requests."],
  ["leaseTtl", "etcd_debugging_lease_ttl_total", exponentialBounds(1, { factor: 2, count: 24 }), "TTLs of granted leases in seconds."],
] as const;

export type HistogramName = (typeof table)[number][0];

/** The histograms without labels, by name; in seconds unless the name says otherwise. */
export type ServerHistograms = Readonly<Record<HistogramName, Histogram>>;

/** Empty ones, with the families in which the page shows them. */
export function createServerHistograms(): {
  readonly histograms: ServerHistograms;
  readonly families: readonly MetricFamily[];
} {
  const histograms: Partial<Record<HistogramName, Histogram>> = {};
  const families = table.map(([name, metric, bounds, help]): MetricFamily => {
    const histogram = new Histogram(bounds);
    histograms[name] = histogram;
    const samples = () => histogramSamples(metric, {}, histogram);
    return { name: metric, help, type: "histogram", samples };
  });
  return { histograms: histograms as ServerHistograms, families };
}

/**
 * The histograms of what may work or fail: each is made when it is first needed, so that the page
 * has no lines of what never happened.
 */
export class OutcomeHistograms {
  readonly #make: (success: boolean) => Histogram;
  #succeeded: Histogram | undefined;
  #failed: Histogram | undefined;

  constructor(make: (success: boolean) => Histogram) {
    this.#make = make;
  }

  succeeded(seconds: number): void {
    this.#succeeded ??= this.#make(true);
    this.#succeeded.observe(seconds);
  }

  failed(seconds: number): void {
    this.#failed ??= this.#make(false);
    this.#failed.observe(seconds);
  }
}

/**
 * The histograms of requests, by what was asked and whether it worked. Hold what is returned, rather
 * than ask for it for each request.
 */
export class RequestHistograms {
  readonly #apply = new Map<string, LabelledHistogram>();
  readonly #request = new Map<string, LabelledHistogram>();

  /** From taking up an entry to its result. @param op the request's name, such as "Put" */
  apply(op: string): OutcomeHistograms {
    return new OutcomeHistograms((success) =>
      take(this.#apply, fine, { op, success: String(success), version: "v3" }),
    );
  }

  /** From the arrival of a request to its result. @param type as `op` above, or "Range" */
  request(type: string): OutcomeHistograms {
    return new OutcomeHistograms((success) =>
      take(this.#request, disk, { success: String(success), type }),
    );
  }

  families(): readonly MetricFamily[] {
    return [
      family("etcd_server_apply_duration_seconds", this.#apply, "Time of applying an entry."),
      family("etcd_server_request_duration_seconds", this.#request, "Time of a request."),
    ];
  }
}

interface LabelledHistogram {
  readonly labels: Readonly<Record<string, string>>;
  readonly histogram: Histogram;
}

function take(
  known: Map<string, LabelledHistogram>,
  bounds: readonly number[],
  labels: Readonly<Record<string, string>>,
): Histogram {
  const key = Object.values(labels).join("\0");
  let found = known.get(key);
  if (found === undefined) {
    found = { labels, histogram: new Histogram(bounds) };
    known.set(key, found);
  }
  return found.histogram;
}

function family(
  name: string,
  known: ReadonlyMap<string, LabelledHistogram>,
  help: string,
): MetricFamily {
  const samples = () =>
    [...known.values()].flatMap(({ labels, histogram }) =>
      histogramSamples(name, labels, histogram),
    );
  return { name, help, type: "histogram", samples };
}
