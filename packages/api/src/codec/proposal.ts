import { varintSize, writeVarint } from "@kvorum/base";
import { InternalRaftRequest } from "../gen/raft_internal.js";
import type { DeleteRangeRequest, PutRequest, TxnRequest } from "../gen/rpc.js";
import { readDeleteRange, readPut, readTxn } from "./requests.js";
import { WireReader } from "./wire-reader.js";

/**
 * The payload of a normal Raft entry, `InternalRaftRequest`, on the hot path: a request's own wire
 * bytes are spliced in behind their field number, and only the kinds that clients send often are
 * decoded by hand.
 *
 * The proposal id is 64 bits: the high 16 are the member's, the low 48 count up, and fit a number.
 */
export interface ProposalId {
  /** 16 bits */
  readonly high: number;
  /** 48 bits */
  readonly low: number;
}

/** Field numbers of `InternalRaftRequest` whose content is the client's own request message. */
export const ProposalField = {
  put: 4,
  deleteRange: 5,
  txn: 6,
  compaction: 7,
  leaseGrant: 8,
  leaseRevoke: 9,
  alarm: 10,
  leaseCheckpoint: 11,
} as const;
export type ProposalField = (typeof ProposalField)[keyof typeof ProposalField];

const DELIMITED = 2;
/** Field 100, delimited: 802 as a varint. */
const HEADER_TAG_LOW = 0xa2;
const HEADER_TAG_HIGH = 0x06;
const TWO_20 = 2 ** 20;
const TWO_28 = 2 ** 28;

/** On whose behalf a request is proposed, when authentication is on. */
export interface ProposalUser {
  readonly username: string;
  /** Revision of the auth store that the user's token stands for. */
  readonly revision: number;
}

/** Where an encoded proposal is put, which its entry keeps for long. */
export interface ProposalMemory {
  /** Memory of undefined content, the caller's to keep. */
  take(bytes: number): Buffer;
}

/** An InternalRaftRequest{header{ID, user's}, <field>: request}, in memory of exactly its size. */
export function encodeProposal(
  memory: ProposalMemory,
  id: ProposalId,
  field: ProposalField,
  request: Uint8Array,
  user?: ProposalUser,
): Buffer {
  if (user !== undefined) return encodeForUser(memory, id, { field, request, user });
  const requestBytes = request.length;
  const headerBytes = 1 + idSize(id);
  const bytes = memory.take(1 + varintSize(requestBytes) + requestBytes + 3 + headerBytes);
  let at = writeRequest(bytes, field, request);
  bytes[at++] = HEADER_TAG_LOW;
  bytes[at++] = HEADER_TAG_HIGH;
  bytes[at++] = headerBytes;
  bytes[at++] = 0x08;
  writeId(bytes, at, id);
  return bytes;
}

function encodeForUser(
  memory: ProposalMemory,
  id: ProposalId,
  proposal: {
    readonly field: ProposalField;
    readonly request: Uint8Array;
    readonly user: ProposalUser;
  },
): Buffer {
  const { field, request, user } = proposal;
  const nameBytes = Buffer.byteLength(user.username);
  const nameSize = nameBytes === 0 ? 0 : 1 + varintSize(nameBytes) + nameBytes;
  const revisionSize = user.revision === 0 ? 0 : 1 + varintSize(user.revision);
  const headerBytes = 1 + idSize(id) + nameSize + revisionSize;
  const requestSize = 1 + varintSize(request.length) + request.length;
  const bytes = memory.take(requestSize + 2 + varintSize(headerBytes) + headerBytes);
  let at = writeRequest(bytes, field, request);
  bytes[at++] = HEADER_TAG_LOW;
  bytes[at++] = HEADER_TAG_HIGH;
  at = writeVarint(bytes, at, headerBytes);
  bytes[at++] = 0x08;
  at = writeId(bytes, at, id);
  if (nameBytes > 0) {
    bytes[at++] = 0x12;
    at = writeVarint(bytes, at, nameBytes);
    at += bytes.write(user.username, at, nameBytes, "utf8");
  }
  if (user.revision > 0) {
    bytes[at++] = 0x18;
    writeVarint(bytes, at, user.revision);
  }
  return bytes;
}

/** Returns where it ends. */
function writeRequest(into: Buffer, field: ProposalField, request: Uint8Array): number {
  into[0] = (field << 3) | DELIMITED;
  const at = writeVarint(into, 1, request.length);
  into.set(request, at);
  return at + request.length;
}

/** Bytes that `writeId` writes. */
function idSize(id: ProposalId): number {
  const high = Math.floor(id.low / TWO_28) + id.high * TWO_20;
  return high === 0 ? varintSize(id.low) : 4 + varintSize(high);
}

/** The 64-bit id as a varint, from its two parts: the low 28 bits, then the 36 above. */
function writeId(into: Buffer, start: number, id: ProposalId): number {
  const high = Math.floor(id.low / TWO_28) + id.high * TWO_20;
  let low = id.low % TWO_28;
  if (high === 0) return writeVarint(into, start, low);
  for (let i = 0; i < 4; i++) {
    into[start + i] = (low & 0x7f) | 0x80;
    low >>>= 7;
  }
  return writeVarint(into, start + 4, high);
}

/** What an entry asks for. Exactly one of the requests is set; `other` for all the rarer kinds. */
export interface DecodedProposal {
  idHigh: number;
  idLow: number;
  username: string;
  authRevision: number;
  put: PutRequest | undefined;
  deleteRange: DeleteRangeRequest | undefined;
  txn: TxnRequest | undefined;
  other: InternalRaftRequest | undefined;
}

/** @throws WireError or Error when `data` is no InternalRaftRequest (a v2 request of etcd 3.5, say) */
export function decodeProposal(data: Uint8Array): DecodedProposal {
  const reader = new WireReader(data);
  const decoded: DecodedProposal = {
    idHigh: 0,
    idLow: 0,
    username: "",
    authRevision: 0,
    put: undefined,
    deleteRange: undefined,
    txn: undefined,
    other: undefined,
  };
  while (reader.position < reader.end) {
    const tag = reader.tag();
    switch (tag) {
      case 0x22:
        decoded.put = readPut(reader, reader.delimited());
        break;
      case 0x2a:
        decoded.deleteRange = readDeleteRange(reader, reader.delimited());
        break;
      case 0x32:
        decoded.txn = readTxn(reader, reader.delimited());
        break;
      case 802:
        readHeader(reader, reader.delimited(), decoded);
        break;
      default:
        return decodeOther(data, decoded);
    }
  }
  return decoded;
}

function readHeader(reader: WireReader, end: number, decoded: DecodedProposal): void {
  while (reader.position < end) {
    const tag = reader.tag();
    switch (tag) {
      case 0x08:
        readId(reader, decoded);
        break;
      case 0x12:
        decoded.username = reader.utf8();
        break;
      case 0x18:
        decoded.authRevision = reader.int64();
        break;
      default:
        reader.skipField(tag);
    }
  }
}

function readId(reader: WireReader, decoded: DecodedProposal): void {
  let low = 0;
  let high = 0;
  let shift = 0;
  let factor = 1;
  for (;;) {
    const byte = reader.buffer[reader.position++] ?? 0;
    if (shift < 28) low |= (byte & 0x7f) << shift;
    else {
      high += (byte & 0x7f) * factor;
      factor *= 128;
    }
    if (byte < 0x80 || shift > 63) break;
    shift += 7;
  }
  decoded.idLow = low + (high % TWO_20) * TWO_28;
  decoded.idHigh = Math.floor(high / TWO_20) % 0x10000;
}

function decodeOther(data: Uint8Array, decoded: DecodedProposal): DecodedProposal {
  const request = InternalRaftRequest.decode(data);
  const id = request.ID !== 0n ? request.ID : (request.header?.ID ?? 0n);
  decoded.idHigh = Number(BigInt.asUintN(16, id >> 48n));
  decoded.idLow = Number(BigInt.asUintN(48, id));
  decoded.username = request.header?.username ?? "";
  decoded.authRevision = request.header?.authRevision ?? 0;
  decoded.put = request.put;
  decoded.deleteRange = request.deleteRange;
  decoded.txn = request.txn;
  decoded.other = request;
  return decoded;
}
