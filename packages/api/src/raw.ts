import type { MainRevision } from "@kvorum/base";

/**
 * Replies of the key-value store whose KeyValues are still the stored wire bytes of
 * `mvccpb.KeyValue`: they are spliced into the answer without being decoded. The bytes belong to
 * the store and are never changed by anyone.
 */

/** An encoded `mvccpb.KeyValue`. */
export type RawKeyValue = Uint8Array;

export interface RawRangeResponse {
  readonly kind: "range";
  /** For the header: the store's revision when the read was made. */
  readonly revision: MainRevision;
  readonly kvs: readonly RawKeyValue[];
  readonly more: boolean;
  readonly count: number;
}

export interface RawPutResponse {
  readonly kind: "put";
  readonly revision: MainRevision;
  readonly prevKv: RawKeyValue | undefined;
}

export interface RawDeleteRangeResponse {
  readonly kind: "deleteRange";
  readonly revision: MainRevision;
  readonly deleted: number;
  readonly prevKvs: readonly RawKeyValue[];
}

export interface RawTxnResponse {
  readonly kind: "txn";
  /** For the outer header; a nested transaction's header is an empty message. */
  readonly revision: MainRevision;
  readonly succeeded: boolean;
  /** Parallel to the requests of the taken branch. */
  readonly responses: readonly RawResponse[];
}

export type RawResponse =
  | RawRangeResponse
  | RawPutResponse
  | RawDeleteRangeResponse
  | RawTxnResponse;
