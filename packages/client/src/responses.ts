import type { authpb, etcdserverpb, mvccpb } from "@kvorum/api";

/** A message as grpc-js delivers it: its bytes are Buffers, views into the received message. */
export type Received<T> = T extends Uint8Array
  ? Buffer
  : T extends readonly (infer Element)[]
    ? Received<Element>[]
    : T extends object
      ? { [Key in keyof T]: Received<T[Key]> }
      : T;

/** A response: every one carries a header. */
type Response<T extends { header: unknown }> = Received<Omit<T, "header">> & {
  readonly header: ResponseHeader;
};

/** Ids are unsigned 64-bit; `revision` is 0 where a response has none. */
export type ResponseHeader = etcdserverpb.ResponseHeader;
export type KeyValue = Received<mvccpb.KeyValue>;
export type WatchEvent = Received<mvccpb.Event>;
export type Member = etcdserverpb.Member;
export type AlarmMember = etcdserverpb.AlarmMember;

export type Permission = Received<authpb.Permission>;

export type GetResponse = Response<etcdserverpb.RangeResponse>;
export type PutResponse = Response<etcdserverpb.PutResponse>;
export type DeleteResponse = Response<etcdserverpb.DeleteRangeResponse>;
export type TxnResponse = Response<etcdserverpb.TxnResponse>;
export type CompactResponse = Response<etcdserverpb.CompactionResponse>;
export type WatchResponse = Response<etcdserverpb.WatchResponse>;
export type LeaseGrantResponse = Response<etcdserverpb.LeaseGrantResponse>;
export type LeaseRevokeResponse = Response<etcdserverpb.LeaseRevokeResponse>;
export type LeaseKeepAliveResponse = Response<etcdserverpb.LeaseKeepAliveResponse>;
export type LeaseTimeToLiveResponse = Response<etcdserverpb.LeaseTimeToLiveResponse>;
export type LeaseLeasesResponse = Response<etcdserverpb.LeaseLeasesResponse>;
export type MemberListResponse = Response<etcdserverpb.MemberListResponse>;
export type MemberAddResponse = Response<etcdserverpb.MemberAddResponse>;
export type MemberRemoveResponse = Response<etcdserverpb.MemberRemoveResponse>;
export type MemberUpdateResponse = Response<etcdserverpb.MemberUpdateResponse>;
export type MemberPromoteResponse = Response<etcdserverpb.MemberPromoteResponse>;
export type StatusResponse = Response<etcdserverpb.StatusResponse>;
export type AlarmResponse = Response<etcdserverpb.AlarmResponse>;
export type DefragmentResponse = Response<etcdserverpb.DefragmentResponse>;
export type HashKvResponse = Response<etcdserverpb.HashKVResponse>;
export type MoveLeaderResponse = Response<etcdserverpb.MoveLeaderResponse>;
/** Of the calls that change users and roles. */
export type AuthResponse = Response<etcdserverpb.AuthEnableResponse>;
export type AuthStatusResponse = Response<etcdserverpb.AuthStatusResponse>;
export type UserGetResponse = Response<etcdserverpb.AuthUserGetResponse>;
export type UserListResponse = Response<etcdserverpb.AuthUserListResponse>;
export type RoleGetResponse = Response<etcdserverpb.AuthRoleGetResponse>;
export type RoleListResponse = Response<etcdserverpb.AuthRoleListResponse>;

/**
 * Types a received message: its bytes are Buffers already, because grpc-js hands over Buffers and
 * the decoder slices them, and every server sends a header.
 */
export function received<T extends { header: unknown }>(message: T): Response<T> {
  message.header ??= { clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 };
  return message as unknown as Response<T>;
}
