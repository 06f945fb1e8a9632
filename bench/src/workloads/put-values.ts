import type { CallState, Operation } from "../load/operation.js";
import { ProtoScan } from "../load/proto-scan.js";

/**
 * The values of puts and of the events that they became, by revision: in the end each event must
 * have carried what its put said.
 */
export class PutValues {
  readonly #scan = new ProtoScan();
  readonly #written = new Map<CallState, string>();
  readonly #put = new Map<number, string>();
  readonly #seen = new Map<number, string>();

  /** `put`, noting the value of each request: `PutRequest { value = 2 }`. */
  noting(put: Operation): Operation {
    return {
      ...put,
      write: (into, at, state) => {
        const end = put.write(into, at, state);
        this.#written.set(state, this.#field(into, at, end, 2));
        return end;
      },
    };
  }

  /** The put of `state` was answered. */
  answered(state: CallState): void {
    this.#put.set(state.revision, this.#written.get(state) ?? "");
  }

  /** An event carried this record: `KeyValue { mod_revision = 3, value = 5 }`. */
  saw(bytes: Buffer, start: number, end: number): void {
    const scan = this.#scan.reset(bytes, start, end);
    let revision = 0;
    let value = "";
    while (scan.next()) {
      if (scan.field === 3) revision = scan.varint;
      else if (scan.field === 5) value = bytes.latin1Slice(scan.start, scan.end);
    }
    const before = this.#seen.get(revision);
    if (before === undefined) this.#seen.set(revision, value);
    else if (before !== value) this.#seen.set(revision, "(two values of one revision)");
  }

  /**
   * How many revisions had events of another value, or of a put that nobody made.
   * @param othersPuts made by other processes, whose values are not known here
   */
  wrong(othersPuts = 0): number {
    let differing = 0;
    let unknown = 0;
    for (const [revision, value] of this.#seen) {
      const put = this.#put.get(revision);
      if (put === undefined) unknown++;
      else if (put !== value) differing++;
    }
    return differing + Math.max(0, unknown - othersPuts);
  }

  #field(bytes: Buffer, start: number, end: number, field: number): string {
    const scan = this.#scan.reset(bytes, start, end);
    while (scan.next()) {
      if (scan.field === field) return bytes.latin1Slice(scan.start, scan.end);
    }
    return "";
  }
}
