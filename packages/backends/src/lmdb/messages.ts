import type { SentError } from "../common/scan-messages.js";
import type { Structure } from "./verify.js";

/** What the scanning thread is started with. */
export interface ScanThreadData {
  readonly file: string;
  /** What to verify; absent in a new store. */
  readonly structure: Structure | undefined;
}

/** How the check after opening goes on. */
export type VerifyMessage =
  /** One table is whole; without a name, all are. */
  | { readonly kind: "verified"; readonly table?: string }
  | { readonly kind: "damaged"; readonly error: SentError };
