import { etcdserverpb } from "@kvorum/api";
import type { MainRevision } from "@kvorum/base";

/** A header as member 2 of cluster 1 in term 3 makes it. */
export function testHeader(revision: MainRevision): Uint8Array {
  const header = { clusterId: 1n, memberId: 2n, revision, raftTerm: 3 };
  return etcdserverpb.ResponseHeader.encode(header).finish();
}

/** A create request with everything off but what is given; strings are bytes. */
export function createRequest(
  key: string,
  options?: Partial<Omit<etcdserverpb.WatchCreateRequest, "rangeEnd">> & {
    readonly rangeEnd?: string;
  },
): etcdserverpb.WatchCreateRequest {
  return {
    startRevision: 0,
    progressNotify: false,
    filters: [],
    prevKv: false,
    watchId: 0n,
    fragment: false,
    ...options,
    key: Buffer.from(key, "latin1"),
    rangeEnd: Buffer.from(options?.rangeEnd ?? "", "latin1"),
  };
}
