import { ENGINE_NAMES } from "@kvorum/backends";
import { WORKLOADS } from "../workloads/catalogue.js";
import type { Workload } from "../workloads/workload.js";
import type { Verb } from "./flags.js";

/** The text of `--help`, for one command or, without one, for all of them. */
export function helpText(verb: Verb | undefined): string {
  if (verb === undefined) return OVERVIEW;
  return [`Usage: npm run bench -- ${verb} [flags]`, ...SECTIONS[verb]].join("\n\n");
}

const OVERVIEW = `Usage: npm run bench -- [COMMAND] [flags]

Commands
  compare   starts Kvorum on every engine, and etcd where there is one, runs workloads
            on them in turn, and reports rates, latencies and costs (the default)
  growth    the same put and range over growing numbers of keys, then of connections
  large     what a store of 1,000,000 keys costs: memory, restart, snapshot, disk,
            and puts while it is compacted and defragmented
  load      runs workloads against servers that run already (--endpoint)
  micro     times single stages (engine, WAL, codec, ...) without a server
  guard     a short comparison that fails when a ratio of bench/guard.json was lost
  page      draws the page and the table of a JSON report again
  readme    writes the table of the README from reports

Start with
  npm run bench -- --quick              a first look, under two minutes
  npm run bench -- compare --help       all flags of a command

docs/bench.md tells how it is measured and what the columns mean.`;

const SERVERS = `Servers
  --engines LIST      engines, or paths of modules of engines (ENGINES)
  --etcd PATH         an etcd to compare with (default: the one on PATH); --no-etcd for none
  --tls               clients and peers speak TLS, with certificates made for the run
  --scratch-dir DIR   where the servers keep their data (default: the system's)`;

const LOAD = `Load
  --seconds S         measured time of a run (default SECONDS)
  --warmup S          before it (default 0.5)
  --connections N     (default 20)
  --streams N         calls at a time on each connection (default 50)
  --keys N            (default KEYS)
  --key-size BYTES    (default 16)
  --value-size BYTES  (default 256)
  --entropy X         share of a value that can't be compressed, 0 to 1 (default 1)
  --processes N       generator processes that share the connections (default 1)
  --seed N            of everything random (default 1)`;

const OPEN_LOOP = `  --rate N            calls a second, started whether or not the server keeps up
                      (default: each call starts when the one before it has ended)
  --sequential        keys in order, not at random`;

const REPORT = `Report
  --json FILE         everything measured (default NAME.json)
  --html FILE         one page with plots (default NAME.html)`;

const COMPARE_MEMBERS = `  --members LIST      processes of one cluster: 1, 3 or 1,3 (default 1); with 3 every workload
                      runs at the leader and again at a follower, without those that restart
                      or restore a server; the default is then put, range, txn, watch`;

const CHOICE = `Choice
  --workloads LIST    which ones, by the names below (default: all)
  --rounds N          interleaved repetitions, of which medians are shown (default 3)
  --quick             few workloads, short runs, one round: under two minutes`;

function servers(engines: string): string {
  return SERVERS.replace("ENGINES", engines);
}

function load(seconds: string, keys: string): string {
  return LOAD.replace("SECONDS", seconds).replace("KEYS", keys);
}

function report(name: string): string {
  return REPORT.replaceAll("NAME", name);
}

function workloadList(workloads: readonly Workload[]): string {
  const lines = workloads.map(({ name, title }) => `  ${name.padEnd(20)}${title}`);
  return ["Workloads", ...lines].join("\n");
}

const ALL_ENGINES = `default ${ENGINE_NAMES.join(",")}`;
const PERSISTENT = "default: those that store on disk";

const SECTIONS: Readonly<Record<Verb, readonly string[]>> = {
  compare: [
    CHOICE,
    `${servers(ALL_ENGINES)}\n${COMPARE_MEMBERS}`,
    `${load("3", "100000")}\n${OPEN_LOOP}`,
    report("bench-report"),
    workloadList(WORKLOADS),
  ],
  growth: [
    "Fills every server step by step and measures put, range and resident memory at each; then\n" +
      "the same at growing numbers of connections, on the first number of keys.",
    `Steps
  --keys LIST         (default 10000,100000,1000000; 5000000 takes some six minutes more)
  --connections LIST  (default 1,10,100,1000); over keys there are 20 with 50 streams each
  --streams N         calls at a time on each of these connections (default 1)
  --rounds N          repetitions of each point (default 1)`,
    servers(PERSISTENT),
    load("3", "").replace(/ {2}--(connections|streams|keys) .*\n/g, ""),
    report("bench-growth"),
  ],
  large: [
    "One table: memory, restart, snapshot, disk, puts during compaction and defragmentation.",
    `Choice
  --rounds N          (default 1)
  --rate N            calls a second while the latency during defragmentation is taken
                      (default 1000); everything else is a closed loop`,
    servers(PERSISTENT),
    load("10", "1000000").replace("(default 0.5)", "(default 2)"),
    report("bench-large"),
  ],
  load: [
    `Servers
  --endpoint HOST:PORT   a server that runs; may be repeated, connections go round them
  --no-fill           the keys are there already
  --tls, --cacert FILE, --cert FILE, --key FILE, --insecure-skip-tls-verify`,
    CHOICE.replace(/.*--rounds.*\n/, ""),
    `${load("3", "100000")}\n${OPEN_LOOP}`,
    "Report\n  --json FILE         the result of the last workload",
    workloadList(WORKLOADS.filter((workload) => !workload.needsControl)),
  ],
  micro: [
    `  --stages LIST       which ones (default: all); a wrong name lists them
  --engines LIST      engines, or paths of modules of engines (${ALL_ENGINES})`,
  ],
  guard: [
    `  --update            writes bench/guard.json anew instead of judging by it
  --workloads LIST    (default put,range,mixed,txn-put)
  --engines LIST      (${ALL_ENGINES})
  --etcd PATH         (default: the one on PATH); the guard needs one
  --processes N       generator processes (default 1)
  --scratch-dir DIR   where the servers keep their data (default: the system's)`,
  ],
  page: [
    `  --from FILE         the JSON report (default bench-report.json); reports of the same
                      measurement, made at different times, become one
  --html FILE         the page (default: the report's name with .html)`,
  ],
  readme: [
    `  --from FILE         a JSON report (default bench-report.json); may be repeated: one member,
                      three members, large; reports of the same measurement become one table
  --file FILE         what to write into, between its marks (default README.md)`,
  ],
};
