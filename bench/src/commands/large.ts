import { runComparison } from "../compare/run-comparison.js";
import { type Setting, settingsOf } from "../compare/settings.js";
import { findWorkloads } from "../workloads/catalogue.js";
import { checkLoad, QUOTA_ARGS, report, withProgress } from "./compare.js";
import { loadOptions, roundsOf, targetsOf } from "./flag-values.js";
import type { CommandLine, Flags } from "./flags.js";

const KEYS = 1_000_000;
const SECONDS = 10;
/** The servers come from a restart when the first puts begin. */
const WARM_UP_SECONDS = 2;
/** In this order: the store is as the filling left it until puts begin. */
const WORKLOADS = ["restart", "snapshot-save", "put-compacting", "put-defragmenting"];
/**
 * Calls a second while the latency during defragmentation is taken: an open loop, so that a server
 * that stops does not thereby have fewer late calls; so slow that an etcd that stops for seconds
 * keeps them all waiting, where it refuses further ones when 5,000 wait.
 */
const DEFRAGMENT_RATE = "1000";

/** What a large store costs; returns the exit code. @throws BenchError */
export async function large({ flags, text }: CommandLine): Promise<number> {
  const load = checkLoad({
    ...loadOptions(flags, { keyCount: KEYS, seconds: SECONDS, warmupSeconds: WARM_UP_SECONDS }),
    ratePerSecond: undefined,
  });
  const comparison = await withProgress(runComparison, {
    ...{ kind: "large", command: text, load, settings: [largeSetting(flags)] },
    targets: await targetsOf(flags, "persistent"),
    rounds: roundsOf(flags, 1),
    isSecure: flags.tls ?? false,
    moreArgs: QUOTA_ARGS,
    scratchDir: flags["scratch-dir"],
  });
  return report(comparison, flags, "bench-large");
}

function largeSetting(flags: Flags): Setting {
  const { ratePerSecond } = checkLoad(
    loadOptions({ ...flags, rate: flags.rate ?? DEFRAGMENT_RATE }),
  );
  const [setting] = settingsOf([1], findWorkloads(WORKLOADS));
  const rows = setting!.rows.map((row) =>
    row.name === "put-defragmenting" ? { ...row, load: { ratePerSecond } } : row,
  );
  return { members: 1, rows };
}
