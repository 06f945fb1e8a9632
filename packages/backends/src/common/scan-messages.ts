import type { BackendErrorCode, Bucket, PagesLayout } from "../port.js";

/** What a store asks of its scanning thread. */
export type ScanRequest =
  /** Opens a view; `parameters` is what the engine's own script understands. Answered. */
  | { readonly kind: "view"; readonly view: number; readonly parameters: unknown }
  /** Ends a view and its scans. Answered. */
  | { readonly kind: "close"; readonly view: number }
  /** Begins a scan, which makes one batch and then as many as "more" asks for. */
  | {
      readonly kind: "scan";
      readonly scan: number;
      readonly view: number;
      readonly bucket: Bucket;
      readonly start: Uint8Array | undefined;
      readonly end: Uint8Array | undefined;
    }
  /** Begins to make pages, as a scan whose batches are chunks of them. */
  | {
      readonly kind: "pages";
      readonly scan: number;
      readonly view: number;
      readonly pageSize: number;
      readonly rootPage: number | undefined;
    }
  | {
      readonly kind: "more";
      readonly scan: number;
      readonly batches: number;
      /** Of batches that the reader has done with. */
      readonly memory: readonly ArrayBuffer[];
    }
  /** The reader has left. */
  | { readonly kind: "stop"; readonly scan: number };

/** An error as it crosses threads. */
export interface SentError {
  readonly code: BackendErrorCode;
  readonly message: string;
}

export type ScanAnswer =
  | { readonly kind: "view"; readonly view: number; readonly error?: SentError | undefined }
  | {
      readonly kind: "batch";
      readonly scan: number;
      readonly count: number;
      readonly bytes: ArrayBuffer;
      readonly bounds: ArrayBuffer;
    }
  /** The first `length` bytes are a chunk of pages. */
  | {
      readonly kind: "pages";
      readonly scan: number;
      readonly bytes: ArrayBuffer;
      readonly length: number;
    }
  | {
      readonly kind: "end";
      readonly scan: number;
      readonly error?: SentError | undefined;
      /** Of pages. */
      readonly layout?: PagesLayout | undefined;
    };
