import type { BackendErrorCode, BackendStat } from "../port.js";

/** What the store asks of its worker; answered in the order of asking. */
export type Request =
  | { readonly id: number; readonly kind: "open" }
  /** The first \`length\` bytes of \`packed\` are the operations; the memory comes back. */
  | {
      readonly id: number;
      readonly kind: "commit";
      readonly packed: ArrayBuffer;
      readonly length: number;
    }
  /** Gives one step of free pages back. */
  | { readonly id: number; readonly kind: "vacuum" }
  /** Moves the journal into the file and cuts both. */
  | { readonly id: number; readonly kind: "checkpoint" }
  | { readonly id: number; readonly kind: "close" };

export type RequestKind = Request["kind"];

export type Answer =
  | { readonly id: number; readonly stat: BackendStat; readonly packed?: ArrayBuffer }
  | {
      readonly id: number;
      readonly error: { readonly code: BackendErrorCode; readonly message: string };
    };
