import { WireError, type WireReader } from "@kvorum/api";
import type { Entry, EntryType } from "@kvorum/raft";

const NO_BYTES: Uint8Array = new Uint8Array(0);

/**
 * Reads a raftpb.Entry up to the reader's end, by hand, because every entry passes here on its way
 * from a peer and from the log. Its data are a view of the reader's memory.
 *
 *   08 type 10 term 18 index [22 data]
 *
 * @throws WireError not an entry, of a type that there is not, or a number above 2^53 - 2
 */
export function decodeEntry(reader: WireReader): Entry {
  let type = 0;
  let term = 0;
  let index = 0;
  let data = NO_BYTES;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x08) type = reader.varint32();
    else if (tag === 0x10) term = reader.exact();
    else if (tag === 0x18) index = reader.exact();
    else if (tag === 0x22) data = reader.bytes();
    else reader.skipField(tag);
  }
  if (type > 2) throw new WireError(`entry of type ${type}`);
  return { type: type as EntryType, term, index, data };
}
