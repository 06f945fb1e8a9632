import type { View } from "@kvorum/backends";
import type { RecordPlace } from "./record-arena.js";
import type { RecordSizes } from "./record-sizes.js";
import type { WriteGeneration } from "./write-buffer.js";
import type { BufferedStore } from "./write-buffer-port.js";

/**
 * The buffered engine with its fast path for the records of bucket "key". Implemented by
 * `BufferedBackend`.
 */
export interface RecordStore extends BufferedStore {
  /** Of bucket "key". Puts are counted here; who opens the store or deletes records tells the rest. */
  readonly sizes: RecordSizes;
  /** `value` is copied. Records come in revision order. */
  putRecord(main: number, sub: number, value: Uint8Array, isTombstone: boolean): void;
  /**
   * As `putRecord`, of `length` bytes that the caller writes at once to where the result says; the
   * object is reused.
   */
  addRecord(main: number, sub: number, length: number, isTombstone: boolean): RecordPlace;
  /** Deletes a record that the engine has. */
  deleteRecord(main: number, sub: number, isTombstone: boolean): void;
  /** A copy of a record, put or tombstone, that no commit has settled yet. */
  bufferedRecord(main: number, sub: number): Uint8Array | undefined;
  /** A put's record from the engine; the bytes are the caller's. Sees settled commits only. */
  engineRecord(main: number, sub: number): Uint8Array | undefined;
  /** A frozen view of settled commits; unlike `view` it makes none. */
  engineView(): Promise<View>;
  /** The generations not yet settled, oldest first; the last takes new records. */
  unsettled(): readonly WriteGeneration[];
  /**
   * `listener` gets each generation whose commit has settled, and releases it in the end. At most
   * one listener.
   */
  onSettled(listener: (generation: WriteGeneration) => void): void;
}
