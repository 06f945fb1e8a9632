import type { Sink } from "../cli/io.js";
import type { ResultKind, Results } from "./results.js";

/** One output format: what it lacks is "not supported as output format". */
export type Formatter = {
  readonly [Kind in ResultKind]?: (result: Results[Kind], printer: Printer) => void;
};

/** How a formatter prints. */
export interface Printer {
  readonly out: Sink;
  readonly err: Sink;
  /** --hex */
  readonly isHex: boolean;
  /** `get --print-value-only` */
  readonly valueOnly: boolean;
  line(text: string): void;
}
