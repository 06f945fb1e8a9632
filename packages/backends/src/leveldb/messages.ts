import type { SentError } from "../common/scan-messages.js";
import type { OpenTable } from "./table-format.js";

/** What the thread is started with. */
export interface StoreThreadData {
  readonly directory: string;
  /** Whose large part is to be verified. */
  readonly tables: readonly OpenTable[];
}

/** What the store asks of its thread, besides scans; answered in the order of asking. */
export type ThreadRequest =
  /** The first `length` bytes of `packed` are the operations; the memory comes back. */
  | {
      readonly kind: "commit";
      readonly id: number;
      readonly packed: ArrayBuffer;
      readonly length: number;
    }
  /** Closes the store in the thread; nothing may be asked after it. */
  | { readonly kind: "closeStore"; readonly id: number };

export interface ThreadAnswer {
  readonly kind: "done";
  readonly id: number;
  readonly packed?: ArrayBuffer | undefined;
  readonly error?: SentError | undefined;
}
