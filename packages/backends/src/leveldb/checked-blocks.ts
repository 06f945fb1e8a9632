import { fileNumber } from "./manifest.js";

/**
 * The blocks of tables that were found whole since the store was opened: what a scan has read and
 * checked need not be read again to verify its table. LevelDB gives a table's number to no other
 * one, and changes no table.
 */
export class CheckedBlocks {
  /** By the number of the table. */
  readonly #offsets = new Map<number, Set<number>>();

  /** The offsets of the checked blocks in a table; what is added to them counts. */
  of(file: string): Set<number> {
    const number = fileNumber(file);
    let offsets = this.#offsets.get(number);
    if (offsets === undefined) {
      offsets = new Set();
      this.#offsets.set(number, offsets);
    }
    return offsets;
  }
}
