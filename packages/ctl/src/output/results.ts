import type {
  AlarmResponse,
  AuthResponse,
  AuthStatusResponse,
  DeleteResponse,
  GetResponse,
  HashKvResponse,
  LeaseGrantResponse,
  LeaseKeepAliveResponse,
  LeaseLeasesResponse,
  LeaseRevokeResponse,
  LeaseTimeToLiveResponse,
  MemberAddResponse,
  MemberListResponse,
  MemberPromoteResponse,
  MemberRemoveResponse,
  MemberUpdateResponse,
  MoveLeaderResponse,
  PutResponse,
  RoleGetResponse,
  RoleListResponse,
  StatusResponse,
  TxnResponse,
  UserGetResponse,
  UserListResponse,
  WatchResponse,
} from "@kvorum/client";

/** One endpoint in `endpoint health`. */
export interface EndpointHealth {
  readonly endpoint: string;
  readonly isHealthy: boolean;
  /** As Go prints a duration; empty when there was no connection to measure. */
  readonly took: string;
  /** Empty when healthy. */
  readonly error: string;
}

export interface EndpointStatus {
  readonly endpoint: string;
  readonly response: StatusResponse;
}

export interface EndpointHash {
  readonly endpoint: string;
  readonly response: HashKvResponse;
}

/** A change of a user or a role, by its name. */
export interface Named {
  readonly name: string;
  readonly response: AuthResponse;
}

/** A role given to a user or taken away. */
export interface RoleOfUser {
  readonly user: string;
  readonly role: string;
  readonly response: AuthResponse;
}

/** What each verb of kvorumctl has to show. */
export interface Results {
  get: GetResponse;
  put: PutResponse;
  delete: DeleteResponse;
  txn: TxnResponse;
  watch: WatchResponse;
  leaseGrant: LeaseGrantResponse;
  leaseRevoke: { readonly id: bigint; readonly response: LeaseRevokeResponse };
  leaseKeepAlive: LeaseKeepAliveResponse;
  leaseTimeToLive: { readonly withKeys: boolean; readonly response: LeaseTimeToLiveResponse };
  leaseList: LeaseLeasesResponse;
  memberList: MemberListResponse;
  memberAdd: MemberAddResponse;
  memberRemove: { readonly id: bigint; readonly response: MemberRemoveResponse };
  memberUpdate: { readonly id: bigint; readonly response: MemberUpdateResponse };
  memberPromote: { readonly id: bigint; readonly response: MemberPromoteResponse };
  endpointHealth: readonly EndpointHealth[];
  endpointStatus: readonly EndpointStatus[];
  endpointHash: readonly EndpointHash[];
  moveLeader: {
    readonly leader: bigint;
    readonly target: bigint;
    readonly response: MoveLeaderResponse;
  };
  alarm: AlarmResponse;
  authStatus: AuthStatusResponse;
  userAdd: Named;
  userDelete: Named;
  userGet: { readonly name: string; readonly response: UserGetResponse };
  userList: UserListResponse;
  userPasswd: AuthResponse;
  userGrantRole: RoleOfUser;
  userRevokeRole: RoleOfUser;
  roleAdd: Named;
  roleDelete: Named;
  roleGet: { readonly name: string; readonly response: RoleGetResponse };
  roleList: RoleListResponse;
  roleGrantPermission: Named;
  roleRevokePermission: Named & {
    /** As given, empty where the wire has "\0". */
    readonly key: string;
    readonly rangeEnd: Uint8Array;
  };
}

export type ResultKind = keyof Results;
