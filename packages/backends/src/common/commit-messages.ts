import type { SentError } from "./scan-messages.js";

/** What a store asks of its committing thread; answered in the order of asking. */
export type CommitRequest<Work> =
  /** The first `length` bytes of `packed` are the operations; the memory comes back. */
  | {
      readonly id: number;
      readonly kind: "commit";
      readonly packed: ArrayBuffer;
      readonly length: number;
    }
  /** What the engine's own script understands. */
  | { readonly id: number; readonly kind: "work"; readonly work: Work }
  | { readonly id: number; readonly kind: "close" };

export type CommitAnswer<Result> =
  | { readonly id: number; readonly result: Result; readonly packed?: ArrayBuffer }
  | { readonly id: number; readonly error: SentError }
  | { readonly id: number; readonly closed: true };
