export { type Access, Auth } from "./auth.js";
export { Client } from "./client.js";
export { ClientError, type ClientErrorCode, type ClientErrorDetails } from "./client-error.js";
export type {
  AuthOptions,
  CallOptions,
  ClientOptions,
  EndpointCallOptions,
  TlsOptions,
} from "./client-options.js";
export { Cluster } from "./cluster.js";
export { Election, type Leadership, type Proclamation } from "./election.js";
export { Kv } from "./kv.js";
export { Lease } from "./lease.js";
export { LeaseKeepAlive } from "./lease-keep-alive.js";
export type { Lock } from "./lock.js";
export { Maintenance, type SnapshotChunk } from "./maintenance.js";
export type { Bytes, DeleteOptions, GetOptions, KeyRange, PutOptions } from "./ops.js";
export type {
  AlarmMember,
  AlarmResponse,
  AuthResponse,
  AuthStatusResponse,
  CompactResponse,
  DefragmentResponse,
  DeleteResponse,
  GetResponse,
  HashKvResponse,
  KeyValue,
  LeaseGrantResponse,
  LeaseKeepAliveResponse,
  LeaseLeasesResponse,
  LeaseRevokeResponse,
  LeaseTimeToLiveResponse,
  Member,
  MemberAddResponse,
  MemberListResponse,
  MemberPromoteResponse,
  MemberRemoveResponse,
  MemberUpdateResponse,
  MoveLeaderResponse,
  Permission,
  PutResponse,
  Received,
  ResponseHeader,
  RoleGetResponse,
  RoleListResponse,
  StatusResponse,
  TxnResponse,
  UserGetResponse,
  UserListResponse,
  WatchEvent,
  WatchResponse,
} from "./responses.js";
export type { SessionOptions } from "./session.js";
export { type CompareSign, type Comparison, compare, type Op, op, type Txn } from "./txn.js";
export type { WatchOptions } from "./watch.js";
export { Watcher } from "./watcher.js";
