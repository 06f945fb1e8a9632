import { messageOf, rethrowInvariant } from "@kvorum/base";
import type { HealthOptions } from "./health.js";
import type { PageRequest, PageResponse } from "./page.js";
import { refuseUnlessGet, respondError } from "./respond.js";

type Check = (options: HealthOptions) => Promise<void>;

const serializableRead: Check = ({ node }) => node.serializableRead();

const PROBES: Readonly<Record<string, Readonly<Record<string, Check>>>> = {
  /** Is the process alive: restart it if not. */
  livez: { serializable_read: serializableRead },
  /** Can it serve now: send no requests if not. */
  readyz: {
    data_corruption: async ({ node }) => {
      if (node.alarms().includes("CORRUPT")) throw new Error("alarm activated: CORRUPT");
    },
    serializable_read: serializableRead,
    linearizable_read: ({ node, requestTimeoutMs }) => node.linearizableRead(requestTimeoutMs),
    non_learner: async ({ node }) => {
      if (node.isLearner()) throw new Error("not supported for learner");
    },
  },
};

export interface Probe {
  /** "livez" or "readyz" */
  readonly type: string;
  readonly checks: readonly string[];
  /** False for the page of one check, which leaves nothing to exclude. */
  readonly isWhole: boolean;
}

/** The probe at "/livez", "/readyz" or "/readyz/non_learner"; undefined for any other path. */
export function findProbe(path: string): Probe | undefined {
  const [, type = "", name, ...rest] = path.split("/");
  const checks = Object.hasOwn(PROBES, type) ? PROBES[type]! : undefined;
  if (checks === undefined || rest.length > 0) return undefined;
  if (name === undefined) return { type, checks: Object.keys(checks), isWhole: true };
  return Object.hasOwn(checks, name) ? { type, checks: [name], isWhole: false } : undefined;
}

/**
 * Runs the checks, one after the other, and answers 200 "ok" or 503 with a line for each check.
 * ?verbose adds the lines to a good answer, ?exclude=name leaves a check out.
 */
export async function serveProbe(
  options: HealthOptions,
  probe: Probe,
  exchange: {
    readonly request: PageRequest;
    readonly response: PageResponse;
    readonly query: URLSearchParams;
    readonly path: string;
  },
): Promise<void> {
  const { request, response, query, path } = exchange;
  const { logger } = options;
  if (refuseUnlessGet(request, response)) {
    logger.warn("Health request error", { path, "status-code": 405 });
    return;
  }
  const excluded = probe.isWhole ? query.getAll("exclude").filter((name) => name !== "") : [];
  const unknown = excluded.filter((name) => !probe.checks.includes(name));
  if (unknown.length > 0) {
    const names = unknown.map((name) => JSON.stringify(name)).join(",");
    logger.warn("some health checks cannot be excluded", { "missing-health-checks": names });
  }
  const names = probe.checks.filter((name) => !excluded.includes(name));
  const { lines, isGood } = await runChecks(options, probe.type, names);
  if (!isGood) {
    respondError(response, 503, lines);
    logger.error("Health check error", { path, reason: lines, "status-code": 503 });
    return;
  }
  const body = `${query.has("verbose") ? lines : ""}ok\n`;
  response.writeHead(200, {
    "Content-Type": "text/plain; charset=utf-8",
    "X-Content-Type-Options": "nosniff",
    "Content-Length": Buffer.byteLength(body),
  });
  response.end(body);
}

async function runChecks(
  options: HealthOptions,
  type: string,
  names: readonly string[],
): Promise<{ readonly lines: string; readonly isGood: boolean }> {
  const { healthCheck, healthChecks } = options.counters;
  let lines = "";
  let isGood = true;
  for (const name of names) {
    let failure: string | undefined;
    try {
      await PROBES[type]![name]!(options);
    } catch (error) {
      rethrowInvariant(error);
      failure = messageOf(error);
      isGood = false;
    }
    lines += failure === undefined ? `[+]${name} ok\n` : `[-]${name} failed: ${failure}\n`;
    healthCheck.cell(name, type).value = failure === undefined ? 1 : 0;
    healthChecks.cell(name, failure === undefined ? "success" : "error", type).value++;
  }
  return { lines, isGood };
}
