import type { DecodedProposal, raftinternalpb } from "@kvorum/api";
import type { AppliedResponse } from "../consensus/applied-response.js";
import type { MemberLog } from "../member-log.js";
import type { MemberOptions } from "../member-options.js";
import type { Metrics } from "../observe/metrics.js";
import type { OutcomeHistograms } from "../observe/server-histograms.js";

/** What applied entries add to the metrics: how long each took, and the TTLs of granted leases. */
export class ApplyFigures {
  readonly #metrics: Metrics;
  readonly #slowMs: number;
  readonly #log: Pick<MemberLog, "slowApply">;
  readonly #byOperation = new Map<string, OutcomeHistograms>();
  #slow = 0;

  constructor(
    { metrics, slowApplyMs }: Pick<MemberOptions, "metrics" | "slowApplyMs">,
    log: Pick<MemberLog, "slowApply">,
  ) {
    this.#metrics = metrics;
    this.#slowMs = slowApplyMs;
    this.#log = log;
  }

  /** Entries that took longer than --warning-apply-duration. */
  get slow(): number {
    return this.#slow;
  }

  /** @param response undefined: the entry was refused */
  outcome(proposal: DecodedProposal, response: AppliedResponse | undefined, tookMs: number): void {
    const outcomes = this.#outcomesOf(proposal);
    if (response === undefined) outcomes.failed(tookMs / 1000);
    else outcomes.succeeded(tookMs / 1000);
    if (response?.kind === "leaseGrant") this.#metrics.histograms.leaseTtl.observe(response.ttl);
    if (tookMs <= this.#slowMs) return;
    this.#slow++;
    this.#log.slowApply(tookMs);
  }

  #outcomesOf(proposal: DecodedProposal): OutcomeHistograms {
    const operation = operationOf(proposal);
    let outcomes = this.#byOperation.get(operation);
    if (outcomes === undefined) {
      outcomes = this.#metrics.requests.apply(operation);
      this.#byOperation.set(operation, outcomes);
    }
    return outcomes;
  }
}

/** etcd's name for what an entry asks for, such as "Put". */
function operationOf({ put, txn, deleteRange, other }: DecodedProposal): string {
  if (put !== undefined) return "Put";
  if (txn !== undefined) return "Txn";
  if (deleteRange !== undefined) return "DeleteRange";
  for (const [field, request] of Object.entries(other ?? {})) {
    if (isRequest(field) && request !== undefined) return upperFirst(field);
  }
  return "unknown";
}

type Field = keyof raftinternalpb.InternalRaftRequest;

const NO_REQUESTS: readonly Field[] = ["header", "ID"];

function isRequest(field: string): boolean {
  return !(NO_REQUESTS as readonly string[]).includes(field);
}

/** "authUserAdd": "AuthUserAdd" */
function upperFirst(field: string): string {
  return field.charAt(0).toUpperCase() + field.slice(1);
}
