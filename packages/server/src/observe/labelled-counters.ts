import { observeLimits } from "./limits.js";
import type { Labels, MetricFamily, MetricType } from "./metric-family.js";

/** The labels of all that is beyond the bound. */
export const OTHER = "other";

/** One number with its labels. Hold the object and change `value`. */
export interface Cell {
  value: number;
}

export interface FamilyShape {
  readonly name: string;
  readonly help: string;
  readonly type: Exclude<MetricType, "histogram">;
  /** Names of the labels, in the order in which `cell` takes their values. */
  readonly labels: readonly string[];
}

/**
 * A family whose lines appear as their labels are first used. Labels beyond the bound share one line,
 * because some are what a caller says of himself.
 */
export class LabelledCounters implements MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly #labelNames: readonly string[];
  readonly #cells = new Map<string, { readonly labels: Labels; readonly cell: Cell }>();

  constructor(shape: FamilyShape) {
    this.name = shape.name;
    this.help = shape.help;
    this.type = shape.type;
    this.#labelNames = shape.labels;
  }

  /** The same object for the same values. */
  cell(...values: readonly string[]): Cell {
    const key = values.join("\0");
    let found = this.#cells.get(key);
    if (found === undefined) {
      const isFull = this.#cells.size >= observeLimits.labelsPerFamilyMax;
      if (isFull && values[0] !== OTHER) return this.cell(...values.map(() => OTHER));
      const pairs = this.#labelNames.map((name, index) => [name, values[index] ?? ""]);
      found = { labels: Object.fromEntries(pairs) as Labels, cell: { value: 0 } };
      this.#cells.set(key, found);
    }
    return found.cell;
  }

  samples() {
    return [...this.#cells.values()].map(({ labels, cell }) => ({ labels, value: cell.value }));
  }
}
