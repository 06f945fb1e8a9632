import { apiErrorText, type etcdserverpb } from "@kvorum/api";
import { bytesToLatin1 } from "@kvorum/base";

/** The keys of a watch, one character a byte. */
export interface WatchedRange {
  readonly key: string;
  /** undefined: the single key; "": every key from `key` on; else exclusive. */
  readonly end: string | undefined;
}

/** Texts of etcd's server/storage/mvcc/watcher.go. */
const EMPTY_RANGE = "mvcc: watcher range is empty";
const DUPLICATE_ID = "mvcc: duplicate watch ID provided on the WatchStream";

/**
 * What a create request asks for, or the cancel_reason of its refusal; the checks are made in
 * etcd's order. An empty key stands for the least one, "\0".
 */
export function readCreateRequest(
  request: etcdserverpb.WatchCreateRequest,
  context: {
    /** Why the client may not watch this. */
    readonly denied: string | undefined;
    readonly isTaken: (id: bigint) => boolean;
  },
): WatchedRange | { readonly cancelReason: string } {
  const key = request.key.length === 0 ? "\0" : bytesToLatin1(request.key);
  const end = rangeEnd(request.rangeEnd);
  if (request.startRevision < 0) return { cancelReason: apiErrorText("compacted") };
  if (context.denied !== undefined) return { cancelReason: context.denied };
  const isEmpty = end !== undefined && end !== "" && key >= end;
  if (isEmpty) return { cancelReason: EMPTY_RANGE };
  const isDuplicate = request.watchId !== 0n && context.isTaken(request.watchId);
  return isDuplicate ? { cancelReason: DUPLICATE_ID } : { key, end };
}

function rangeEnd(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return undefined;
  return bytes.length === 1 && bytes[0] === 0 ? "" : bytesToLatin1(bytes);
}
