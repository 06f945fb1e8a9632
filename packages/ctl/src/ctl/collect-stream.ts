import type { GetResponse } from "@kvorum/client";

/** The pieces of a streamed read as one response, as `get` without --stream would give it. */
export async function collectStream(pieces: AsyncIterable<GetResponse>): Promise<GetResponse> {
  let whole: GetResponse | undefined;
  for await (const piece of pieces) {
    if (whole === undefined) {
      whole = piece;
      continue;
    }
    for (const pair of piece.kvs) whole.kvs.push(pair);
    // The last piece carries what is only known at the end.
    const { kvs } = whole;
    whole = { ...piece, header: piece.header.clusterId === 0n ? whole.header : piece.header, kvs };
  }
  return whole ?? { header: NO_HEADER, kvs: [], more: false, count: 0 };
}

const NO_HEADER = { clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 };
