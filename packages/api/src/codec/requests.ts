import type {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from "../gen/rpc.js";
import { WireError, WireReader } from "./wire-reader.js";

/**
 * Hand-written decoders of the requests on the hot path, equal to the generated ones (their test
 * compares both on random messages). They return views of the input and skip unknown fields.
 */

const EMPTY = Buffer.alloc(0);

/** The result refers to the memory of `bytes`. @throws WireError */
export function decodePutRequest(bytes: Uint8Array): PutRequest {
  return readPut(new WireReader(bytes), bytes.length);
}

/** The result refers to the memory of `bytes`. @throws WireError */
export function decodeRangeRequest(bytes: Uint8Array): RangeRequest {
  return readRange(new WireReader(bytes), bytes.length);
}

/** The result refers to the memory of `bytes`. @throws WireError */
export function decodeDeleteRangeRequest(bytes: Uint8Array): DeleteRangeRequest {
  return readDeleteRange(new WireReader(bytes), bytes.length);
}

/** The result refers to the memory of `bytes`. @throws WireError also when it nests too deep */
export function decodeTxnRequest(bytes: Uint8Array): TxnRequest {
  return readTxn(new WireReader(bytes), bytes.length);
}

/** A nested transaction deeper than this is refused, as the generated decoder does. */
const DEPTH_MAX = 100;

/** A reader of `end - position` bytes at the reader's position. */
export function readPut(reader: WireReader, end: number): PutRequest {
  const request: PutRequest = {
    key: EMPTY,
    value: EMPTY,
    lease: 0n,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
  };
  while (reader.position < end) {
    const tag = reader.tag();
    switch (tag) {
      case 0x0a:
        request.key = reader.bytes();
        break;
      case 0x12:
        request.value = reader.bytes();
        break;
      case 0x18:
        request.lease = reader.bigint64();
        break;
      case 0x20:
        request.prevKv = reader.bool();
        break;
      case 0x28:
        request.ignoreValue = reader.bool();
        break;
      case 0x30:
        request.ignoreLease = reader.bool();
        break;
      default:
        reader.skipField(tag);
    }
  }
  return request;
}

/** A message within a larger one. @param end offset behind its last byte; the same for all below */
function readRange(reader: WireReader, end: number): RangeRequest {
  const request: RangeRequest = {
    key: EMPTY,
    rangeEnd: EMPTY,
    limit: 0,
    revision: 0,
    sortOrder: 0,
    sortTarget: 0,
    serializable: false,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
  };
  while (reader.position < end) {
    const tag = reader.tag();
    switch (tag) {
      case 0x0a:
        request.key = reader.bytes();
        break;
      case 0x12:
        request.rangeEnd = reader.bytes();
        break;
      case 0x18:
        request.limit = reader.int64();
        break;
      case 0x20:
        request.revision = reader.int64();
        break;
      case 0x28:
        request.sortOrder = reader.varint32() | 0;
        break;
      case 0x30:
        request.sortTarget = reader.varint32() | 0;
        break;
      case 0x38:
        request.serializable = reader.bool();
        break;
      case 0x40:
        request.keysOnly = reader.bool();
        break;
      case 0x48:
        request.countOnly = reader.bool();
        break;
      case 0x50:
        request.minModRevision = reader.int64();
        break;
      case 0x58:
        request.maxModRevision = reader.int64();
        break;
      case 0x60:
        request.minCreateRevision = reader.int64();
        break;
      case 0x68:
        request.maxCreateRevision = reader.int64();
        break;
      default:
        reader.skipField(tag);
    }
  }
  return request;
}

export function readDeleteRange(reader: WireReader, end: number): DeleteRangeRequest {
  const request: DeleteRangeRequest = { key: EMPTY, rangeEnd: EMPTY, prevKv: false };
  while (reader.position < end) {
    const tag = reader.tag();
    switch (tag) {
      case 0x0a:
        request.key = reader.bytes();
        break;
      case 0x12:
        request.rangeEnd = reader.bytes();
        break;
      case 0x18:
        request.prevKv = reader.bool();
        break;
      default:
        reader.skipField(tag);
    }
  }
  return request;
}

export function readTxn(reader: WireReader, end: number, depth = 0): TxnRequest {
  if (depth > DEPTH_MAX) throw new WireError(`transaction nested deeper than ${DEPTH_MAX}`);
  const request: TxnRequest = { compare: [], success: [], failure: [] };
  while (reader.position < end) {
    const tag = reader.tag();
    switch (tag) {
      case 0x0a:
        request.compare.push(readCompare(reader, reader.delimited()));
        break;
      case 0x12:
        request.success.push(readRequestOp(reader, reader.delimited(), depth));
        break;
      case 0x1a:
        request.failure.push(readRequestOp(reader, reader.delimited(), depth));
        break;
      default:
        reader.skipField(tag);
    }
  }
  return request;
}

function readRequestOp(reader: WireReader, end: number, depth: number): RequestOp {
  const op: RequestOp = { request: undefined };
  while (reader.position < end) {
    const tag = reader.tag();
    switch (tag) {
      case 0x0a:
        op.request = { $case: "requestRange", value: readRange(reader, reader.delimited()) };
        break;
      case 0x12:
        op.request = { $case: "requestPut", value: readPut(reader, reader.delimited()) };
        break;
      case 0x1a:
        op.request = {
          $case: "requestDeleteRange",
          value: readDeleteRange(reader, reader.delimited()),
        };
        break;
      case 0x22:
        op.request = { $case: "requestTxn", value: readTxn(reader, reader.delimited(), depth + 1) };
        break;
      default:
        reader.skipField(tag);
    }
  }
  return op;
}

function readCompare(reader: WireReader, end: number): Compare {
  const compare: Compare = {
    result: 0,
    target: 0,
    key: EMPTY,
    targetUnion: undefined,
    rangeEnd: EMPTY,
  };
  while (reader.position < end) {
    const tag = reader.tag();
    switch (tag) {
      case 0x08:
        compare.result = reader.varint32() | 0;
        break;
      case 0x10:
        compare.target = reader.varint32() | 0;
        break;
      case 0x1a:
        compare.key = reader.bytes();
        break;
      case 0x20:
        compare.targetUnion = { $case: "version", value: reader.int64() };
        break;
      case 0x28:
        compare.targetUnion = { $case: "createRevision", value: reader.int64() };
        break;
      case 0x30:
        compare.targetUnion = { $case: "modRevision", value: reader.int64() };
        break;
      case 0x3a:
        compare.targetUnion = { $case: "value", value: reader.bytes() };
        break;
      case 0x40:
        compare.targetUnion = { $case: "lease", value: reader.bigint64() };
        break;
      case 514: // field 64
        compare.rangeEnd = reader.bytes();
        break;
      default:
        reader.skipField(tag);
    }
  }
  return compare;
}
