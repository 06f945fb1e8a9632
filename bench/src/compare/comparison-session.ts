import type { LoadOptions } from "../load/load-options.js";
import type { Identity } from "./identity.js";
import type { FailedRun, ReportKind, RunRecord } from "./run-record.js";
import type { Setting } from "./settings.js";
import type { Target } from "./target.js";

/** What a comparison is told to measure. */
export interface ComparisonOptions {
  readonly kind: ReportKind;
  /** The command line, for the report. */
  readonly command: string;
  readonly targets: readonly Target[];
  readonly settings: readonly Setting[];
  readonly rounds: number;
  /** The endpoints are filled in. */
  readonly load: Omit<LoadOptions, "endpoints">;
  /** Clients and peers speak TLS, with an authority made for this comparison. */
  readonly isSecure: boolean;
  /** Of every server, behind its defaults. */
  readonly moreArgs?: readonly string[];
  /** Where the servers keep their data; removed afterwards. */
  readonly scratchDir?: string | undefined;
  /** Asked before each step: true ends the comparison with what it has measured. */
  readonly isInterrupted: () => boolean;
  /** Told before each step. */
  readonly onStep: (step: string, done: number, total: number) => void;
}

/** A comparison under way: its options, and what it has measured so far. */
export interface Session {
  readonly options: ComparisonOptions;
  readonly directory: string;
  readonly identity: Identity | undefined;
  readonly runs: RunRecord[];
  readonly failures: FailedRun[];
  /** How servers were started, by the target's name. */
  readonly commandLines: Map<string, Map<number, string>>;
  step(what: string): void;
}
