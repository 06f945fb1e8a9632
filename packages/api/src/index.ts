export { type DecodableType, decodeMessage } from "./codec/decode-message.js";
export { plainPutBytes } from "./codec/plain-put.js";
export { PLAIN_RANGE_KEY_START, plainRangeKeyEnd } from "./codec/plain-range.js";
export { NOT_PLAIN, plainTxnPutBytes } from "./codec/plain-txn.js";
export {
  type DecodedProposal,
  decodeProposal,
  encodeProposal,
  ProposalField,
  type ProposalId,
  type ProposalMemory,
  type ProposalUser,
} from "./codec/proposal.js";
export {
  decodeDeleteRangeRequest,
  decodePutRequest,
  decodeRangeRequest,
  decodeTxnRequest,
} from "./codec/requests.js";
export { HeaderEncoder, writeRangeChunk, writeResponse } from "./codec/responses.js";
export { WireError, WireReader } from "./codec/wire-reader.js";
export { WireWriter } from "./codec/wire-writer.js";
export { ApiError, type ApiErrorName, apiError, apiErrorText } from "./errors.js";
export * as authpb from "./gen/auth.js";
export * as healthpb from "./gen/health.js";
export * as mvccpb from "./gen/kv.js";
export * as leasepb from "./gen/lease.js";
export * as raftpb from "./gen/raft.js";
export * as raftinternalpb from "./gen/raft_internal.js";
export * as etcdserverpb from "./gen/rpc.js";
export * as v3electionpb from "./gen/v3election.js";
export * as v3lockpb from "./gen/v3lock.js";
export { JsonError } from "./json/json-error.js";
export { type JsonMethod, JsonMethods } from "./json/json-methods.js";
export { jsonToMessage } from "./json/json-to-message.js";
export { JsonValues } from "./json/json-values.js";
export { messageToJson } from "./json/message-to-json.js";
export { limits } from "./limits.js";
export type {
  RawDeleteRangeResponse,
  RawKeyValue,
  RawPutResponse,
  RawRangeResponse,
  RawResponse,
  RawTxnResponse,
} from "./raw.js";
