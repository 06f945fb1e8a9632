import { messageOf, rethrowInvariant } from "@kvorum/base";
import type { LabelledFamilies } from "../observe/labelled-families.js";
import type { Logger } from "../observe/logger.js";
import type { NodeHealth } from "./node-health.js";
import type { PageRequest, PageResponse } from "./page.js";
import { refuseUnlessGet, respond, respondError } from "./respond.js";

export interface HealthOptions {
  readonly node: NodeHealth;
  /** 5 s + 2 election time-outs */
  readonly requestTimeoutMs: number;
  readonly counters: Pick<
    LabelledFamilies,
    "healthSuccesses" | "healthFailures" | "healthCheck" | "healthChecks"
  >;
  readonly logger: Logger;
}

const PLAIN_TEXT = "text/plain; charset=utf-8";

/** GET /health: one verdict for old monitors, alarms first, then the leader, then a read. */
export async function serveHealth(
  options: HealthOptions,
  request: PageRequest,
  exchange: { readonly response: PageResponse; readonly query: URLSearchParams },
): Promise<void> {
  const { response, query } = exchange;
  const { counters, logger } = options;
  if (refuseUnlessGet(request, response)) {
    logger.warn("/health error", { "status-code": 405 });
    return;
  }
  const reason = await findReason(options, query);
  const body = JSON.stringify({ health: reason === "" ? "true" : "false", reason });
  if (reason === "") {
    counters.healthSuccesses.cell().value++;
    respond(response, PLAIN_TEXT, body);
    return;
  }
  counters.healthFailures.cell().value++;
  respondError(response, 503, body);
  logger.warn("/health error", { output: body, "status-code": 503 });
}

/** Why the node is not healthy, or "". */
async function findReason(options: HealthOptions, query: URLSearchParams): Promise<string> {
  const { node, requestTimeoutMs, logger } = options;
  const excluded = query.getAll("exclude");
  const isSerializable = query.get("serializable") === "true";
  const alarm = node.alarms().find((name) => !excluded.includes(name));
  if (alarm !== undefined) {
    logger.warn("serving /health false due to an alarm", { alarm });
    return `ALARM ${alarm}`;
  }
  if (!isSerializable && !node.hasLeader()) {
    logger.warn("serving /health false; no leader");
    return "RAFT NO LEADER";
  }
  try {
    await (isSerializable ? node.serializableRead() : node.linearizableRead(requestTimeoutMs));
    return "";
  } catch (error) {
    rethrowInvariant(error);
    logger.warn("serving /health false; Range fails", { error });
    return `RANGE ERROR:${messageOf(error)}`;
  }
}
