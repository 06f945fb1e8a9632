import type { Prng } from "../prng.js";
import { PAGE_BYTES, PagedBytes } from "./paged-bytes.js";

/** The unit that a disk writes whole or not at all. */
export const SECTOR_BYTES = 512;

/** What a power loss does with the sectors that were written but not synced. */
export type CrashMode = "drop" | "tear" | "keep";

/** A file of the simulation: what programs see beside what is on the platter. */
export class MemoryFileNode {
  #live = new PagedBytes();
  #durable = new PagedBytes();
  /** Sectors in which the two may differ. */
  readonly #dirtySectors = new Set<number>();
  modifiedMs = 0;

  get sizeBytes(): number {
    return this.#live.sizeBytes;
  }

  get occupiedBytes(): number {
    return this.#live.pageCount * PAGE_BYTES;
  }

  /** How many bytes of a write at `position` fit when only `spareBytes` of the medium are free. */
  fitting(length: number, position: number, spareBytes: number): number {
    let sparePages = Math.floor(spareBytes / PAGE_BYTES);
    for (let at = position; at < position + length; at = nextPage(at)) {
      if (this.#live.has(Math.floor(at / PAGE_BYTES))) continue;
      if (sparePages-- === 0) return at - position;
    }
    return length;
  }

  read(into: Uint8Array, position: number): number {
    return this.#live.read(into, position);
  }

  write(bytes: Uint8Array, position: number): void {
    this.#live.write(bytes, position);
    this.#markDirty(position, position + bytes.length);
  }

  truncate(sizeBytes: number): void {
    const before = this.#live.sizeBytes;
    this.#live.truncate(sizeBytes);
    if (sizeBytes < before) this.#markDirty(sizeBytes, Math.min(before, this.#durable.sizeBytes));
  }

  /** What a sync that starts now will make durable. */
  syncPoint(): SyncPoint {
    return { sectors: [...this.#dirtySectors], sizeBytes: this.#live.sizeBytes };
  }

  syncTo(point: SyncPoint): void {
    for (const sector of point.sectors) this.#syncSector(sector);
    this.#durable.truncate(point.sizeBytes);
  }

  /** What O_DSYNC promises for one write: its bytes, and a size that lets them be read back. */
  syncRange(position: number, length: number): void {
    const last = Math.floor((position + length - 1) / SECTOR_BYTES);
    for (let sector = Math.floor(position / SECTOR_BYTES); sector <= last; sector++) {
      this.#syncSector(sector);
    }
    this.#durable.sizeBytes = Math.max(this.#durable.sizeBytes, position + length);
  }

  /** The file as it is found after a power loss. */
  afterCrash(mode: CrashMode, prng: Prng): MemoryFileNode {
    const found = this.#durable.clone();
    const keeps = (): boolean => mode === "keep" || (mode === "tear" && prng.below(2) === 1);
    if (keeps()) found.truncate(this.#live.sizeBytes);
    for (const sector of this.#dirtySectors) {
      if (sector * SECTOR_BYTES < found.sizeBytes && keeps()) {
        found.copySector(this.#live, sector, SECTOR_BYTES);
      }
    }
    // The last sector may hold bytes beyond the size that survived: they are not part of the file.
    const size = found.sizeBytes;
    found.sizeBytes = Math.ceil(size / SECTOR_BYTES) * SECTOR_BYTES;
    found.truncate(size);
    const node = new MemoryFileNode();
    node.#live = found;
    node.#durable = found.clone();
    node.modifiedMs = this.modifiedMs;
    return node;
  }

  #syncSector(sector: number): void {
    if (!this.#dirtySectors.delete(sector)) return;
    this.#durable.copySector(this.#live, sector, SECTOR_BYTES);
  }

  #markDirty(start: number, end: number): void {
    const last = Math.floor((end - 1) / SECTOR_BYTES);
    for (let sector = Math.floor(start / SECTOR_BYTES); sector <= last; sector++) {
      this.#dirtySectors.add(sector);
    }
  }
}

export interface SyncPoint {
  readonly sectors: readonly number[];
  readonly sizeBytes: number;
}

function nextPage(at: number): number {
  return (Math.floor(at / PAGE_BYTES) + 1) * PAGE_BYTES;
}
