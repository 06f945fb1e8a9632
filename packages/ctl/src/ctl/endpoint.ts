import { etcdserverpb } from "@kvorum/api";
import { nodeClock } from "@kvorum/base/node";
import { type Client, ClientError } from "@kvorum/client";
import { CtlError, errorText, failure } from "../cli/ctl-error.js";
import { flag } from "../cli/flags.js";
import type { Group } from "../cli/verb.js";
import { goDuration } from "../output/go-text.js";
import type { EndpointHash, EndpointHealth, EndpointStatus } from "../output/results.js";
import { clusterEndpoints, clusterFlag } from "./cluster-endpoints.js";
import { type CtlContext, ctlVerb } from "./context.js";

const health = ctlVerb({
  name: "health",
  usage: "health",
  summary: "Checks the healthiness of endpoints specified in `--endpoints` flag",
  flags: clusterFlag,
  async run(context, { flags }) {
    const endpoints = await clusterEndpoints(context, flags);
    const list = await Promise.all(endpoints.map((endpoint) => healthOf(context, endpoint)));
    context.display.show("endpointHealth", list);
    if (list.some((one) => one.error !== "")) throw new CtlError("error", "unhealthy cluster");
  },
});

/** Reads some key through consensus, then asks for alarms; either failing means unhealthy. */
async function healthOf(context: CtlContext, endpoint: string): Promise<EndpointHealth> {
  let client: Client;
  try {
    client = await context.client([endpoint]);
  } catch (error) {
    return { endpoint, isHealthy: false, took: "", error: errorText(error) };
  }
  const { kv, maintenance } = client;
  const { timeoutMs } = context;
  const startMs = nodeClock.nowMs();
  let failed: unknown;
  try {
    await kv.get("health", { timeoutMs });
  } catch (error) {
    // A user without permission was refused by consensus all the same.
    const isRefused = error instanceof ClientError && error.code === "PERMISSION_DENIED";
    if (!isRefused) failed = error;
  }
  const elapsedMs = nodeClock.nowMs() - startMs;
  const took = goDuration(elapsedMs);
  if (failed !== undefined) {
    const error = errorText(failed);
    return { endpoint, isHealthy: false, took, error };
  }
  const leftMs = Math.max(1, timeoutMs - elapsedMs);
  const error = await maintenance.alarmList({ timeoutMs: leftMs }).then(
    ({ alarms }) =>
      alarms.length === 0 ? "" : `Active Alarm(s): ${alarms.map(alarmName).join("")}`,
    () => "Unable to fetch the alarm list",
  );
  return { endpoint, isHealthy: error === "", took, error };
}

function alarmName({ alarm }: etcdserverpb.AlarmMember): string {
  return `${alarm === 0 ? "UNKNOWN" : (etcdserverpb.AlarmType[alarm] ?? "UNKNOWN")} `;
}

const status = ctlVerb({
  name: "status",
  usage: "status",
  summary: "Prints out the status of endpoints specified in `--endpoints` flag",
  description: `When --write-out is set to simple, this command prints out comma-separated status lists for each endpoint.
The items in the lists are endpoint, ID, version, storage version, db size, in use, percentage not in use, quota, is leader, is learner, raft term, raft index, raft applied index, errors, downgrade target version, downgrade enabled.`,
  flags: clusterFlag,
  async run(context, { flags }) {
    const list: EndpointStatus[] = [];
    let failed: unknown;
    for (const endpoint of await clusterEndpoints(context, flags)) {
      const { maintenance } = await context.client([endpoint]);
      try {
        const response = await maintenance.status({ timeoutMs: context.timeoutMs });
        list.push({ endpoint, response });
      } catch (error) {
        failed = error;
        const text = errorText(error);
        const what = `Failed to get the status of endpoint ${endpoint}`;
        context.io.stderr.write(`${what} (${text})\n`);
      }
    }
    context.display.show("endpointStatus", list);
    // What failed has been said, endpoint by endpoint.
    if (failed !== undefined) throw new CtlError("error", "", { cause: failed });
  },
});

const hashKv = ctlVerb({
  name: "hashkv",
  usage: "hashkv",
  summary: "Prints the KV history hash for each endpoint in --endpoints",
  flags: {
    ...clusterFlag,
    rev: flag.int("maximum revision to hash (default: latest revision)"),
  },
  async run(context, { flags }) {
    const list: EndpointHash[] = [];
    let failed: unknown;
    for (const endpoint of await clusterEndpoints(context, flags)) {
      const { maintenance } = await context.client([endpoint]);
      try {
        const response = await maintenance.hashKv(flags.rev, { timeoutMs: context.timeoutMs });
        list.push({ endpoint, response });
      } catch (error) {
        failed = error;
        const text = errorText(error);
        const what = `Failed to get the hash of endpoint ${endpoint}`;
        context.io.stderr.write(`${what} (${text})\n`);
      }
    }
    context.display.show("endpointHash", list);
    if (failed !== undefined) throw failure("error", failed);
  },
});

export const endpoint: Group<CtlContext> = {
  name: "endpoint",
  summary: "Endpoint related commands",
  verbs: [health, status, hashKv],
};
