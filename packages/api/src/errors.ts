/**
 * Every error of the API, with its gRPC code and its text to the byte: clients match on the text.
 * Source: etcd's api/v3rpc/rpctypes and server/etcdserver/api/v3rpc/util.go.
 */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /** gRPC status code */
  readonly code: number;

  constructor(code: number, message: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.code = code;
  }
}

const CANCELLED = 1;
const UNKNOWN = 2;
const INVALID_ARGUMENT = 3;
const DEADLINE_EXCEEDED = 4;
const NOT_FOUND = 5;
const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const FAILED_PRECONDITION = 9;
const OUT_OF_RANGE = 11;
const UNIMPLEMENTED = 12;
const UNAVAILABLE = 14;
const DATA_LOSS = 15;
const UNAUTHENTICATED = 16;

/** Name -> [code, text]. "Unknown" stands where etcd's own mapping loses the code on the wire. */
const TABLE = {
  emptyKey: [INVALID_ARGUMENT, "etcdserver: key is not provided"],
  keyNotFound: [INVALID_ARGUMENT, "etcdserver: key not found"],
  valueProvided: [INVALID_ARGUMENT, "etcdserver: value is provided"],
  leaseProvided: [INVALID_ARGUMENT, "etcdserver: lease is provided"],
  tooManyOps: [INVALID_ARGUMENT, "etcdserver: too many operations in txn request"],
  duplicateKey: [INVALID_ARGUMENT, "etcdserver: duplicate key given in txn request"],
  invalidClientApiVersion: [INVALID_ARGUMENT, "etcdserver: invalid client api version"],
  invalidSortOption: [INVALID_ARGUMENT, "etcdserver: invalid sort option"],
  compacted: [OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted"],
  futureRevision: [OUT_OF_RANGE, "etcdserver: mvcc: required revision is a future revision"],
  noSpace: [RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded"],
  leaseNotFound: [NOT_FOUND, "etcdserver: requested lease not found"],
  leaseExists: [FAILED_PRECONDITION, "etcdserver: lease already exists"],
  leaseTtlTooLarge: [OUT_OF_RANGE, "etcdserver: too large lease TTL"],
  watchCanceled: [CANCELLED, "etcdserver: watch canceled"],
  memberExists: [FAILED_PRECONDITION, "etcdserver: member ID already exist"],
  peerUrlExists: [FAILED_PRECONDITION, "etcdserver: Peer URLs already exists"],
  notEnoughStarted: [
    UNKNOWN,
    "etcdserver: re-configuration failed due to not enough started members",
  ],
  badMemberUrls: [INVALID_ARGUMENT, "etcdserver: given member URLs are invalid"],
  memberNotFound: [NOT_FOUND, "etcdserver: member not found"],
  memberNotLearner: [FAILED_PRECONDITION, "etcdserver: can only promote a learner member"],
  learnerNotReady: [
    FAILED_PRECONDITION,
    "etcdserver: can only promote a learner member which is in sync with leader",
  ],
  tooManyLearners: [FAILED_PRECONDITION, "etcdserver: too many learner members in cluster"],
  clusterIdMismatch: [FAILED_PRECONDITION, "etcdserver: cluster ID mismatch"],
  requestTooLarge: [INVALID_ARGUMENT, "etcdserver: request is too large"],
  tooManyRequests: [UNKNOWN, "etcdserver: too many requests"],
  rootUserMissing: [FAILED_PRECONDITION, "etcdserver: root user does not exist"],
  rootRoleMissing: [FAILED_PRECONDITION, "etcdserver: root user does not have root role"],
  userExists: [FAILED_PRECONDITION, "etcdserver: user name already exists"],
  userEmpty: [INVALID_ARGUMENT, "etcdserver: user name is empty"],
  userNotFound: [FAILED_PRECONDITION, "etcdserver: user name not found"],
  roleExists: [FAILED_PRECONDITION, "etcdserver: role name already exists"],
  roleNotFound: [FAILED_PRECONDITION, "etcdserver: role name not found"],
  roleEmpty: [INVALID_ARGUMENT, "etcdserver: role name is empty"],
  authFailed: [INVALID_ARGUMENT, "etcdserver: authentication failed, invalid user ID or password"],
  permissionNotGiven: [INVALID_ARGUMENT, "etcdserver: permission not given"],
  permissionDenied: [PERMISSION_DENIED, "etcdserver: permission denied"],
  roleNotGranted: [FAILED_PRECONDITION, "etcdserver: role is not granted to the user"],
  permissionNotGranted: [FAILED_PRECONDITION, "etcdserver: permission is not granted to the role"],
  authNotEnabled: [FAILED_PRECONDITION, "etcdserver: authentication is not enabled"],
  invalidAuthToken: [UNAUTHENTICATED, "etcdserver: invalid auth token"],
  invalidAuthManagement: [INVALID_ARGUMENT, "etcdserver: invalid auth management"],
  authOldRevision: [INVALID_ARGUMENT, "etcdserver: revision of auth store is old"],
  noPasswordUser: [UNKNOWN, "auth: authentication failed, password was given for no password user"],
  passwordTooLong: [UNKNOWN, "bcrypt: password length exceeds 72 bytes"],
  tokenVerifyOnly: [UNKNOWN, "auth: token signing attempted with verify-only key"],
  noLeader: [UNAVAILABLE, "etcdserver: no leader"],
  notLeader: [FAILED_PRECONDITION, "etcdserver: not leader"],
  leaderChanged: [UNAVAILABLE, "etcdserver: leader changed"],
  notCapable: [FAILED_PRECONDITION, "etcdserver: not capable"],
  stopped: [UNAVAILABLE, "etcdserver: server stopped"],
  timeout: [UNAVAILABLE, "etcdserver: request timed out"],
  timeoutLeaderFailed: [
    UNAVAILABLE,
    "etcdserver: request timed out, possibly due to previous leader failure",
  ],
  timeoutConnectionLost: [
    UNAVAILABLE,
    "etcdserver: request timed out, possibly due to connection lost",
  ],
  timeoutWaitApplied: [
    UNAVAILABLE,
    "etcdserver: request timed out, waiting for the applied index took too long",
  ],
  timeoutLeaderTransfer: [UNKNOWN, "etcdserver: request timed out, leader transfer took too long"],
  unhealthy: [UNAVAILABLE, "etcdserver: unhealthy cluster"],
  corrupt: [DATA_LOSS, "etcdserver: corrupt cluster"],
  notSupportedForLearner: [FAILED_PRECONDITION, "etcdserver: rpc not supported for learner"],
  badLeaderTransferee: [FAILED_PRECONDITION, "etcdserver: bad leader transferee"],
  wrongDowngradeFormat: [INVALID_ARGUMENT, "etcdserver: wrong downgrade target version format"],
  invalidDowngradeVersion: [INVALID_ARGUMENT, "etcdserver: invalid downgrade target version"],
  clusterVersionUnavailable: [
    FAILED_PRECONDITION,
    "etcdserver: cluster version not found during downgrade",
  ],
  downgradeInProgress: [FAILED_PRECONDITION, "etcdserver: cluster has a downgrade job in progress"],
  noInflightDowngrade: [FAILED_PRECONDITION, "etcdserver: no inflight downgrade job"],
  canceled: [CANCELLED, "etcdserver: request canceled"],
  contextCanceled: [CANCELLED, "context canceled"],
  deadlineExceeded: [DEADLINE_EXCEEDED, "context deadline exceeded"],
  streamSortUnsupported: [UNIMPLEMENTED, "RangeStream does not support custom sort orders"],
  streamFilterUnsupported: [UNIMPLEMENTED, "RangeStream does not support revision filters"],
  unknownMethod: [UNKNOWN, "etcdserver: unknown method"],
  notPrimaryLessor: [UNKNOWN, "not a primary lessor"],
  sessionExpired: [UNKNOWN, "mutex: session is expired"],
  electionNotLeader: [UNKNOWN, "election: not leader"],
  electionNoLeader: [UNKNOWN, "election: no leader"],
  electionLeaderMissing: [UNKNOWN, '"leader" field must be provided'],
  proposalDropped: [UNKNOWN, "raft proposal dropped"],
} as const satisfies Record<string, readonly [number, string]>;

export type ApiErrorName = keyof typeof TABLE;

/** A fresh error of the table. */
export function apiError(name: ApiErrorName, options?: { readonly cause: unknown }): ApiError {
  const [code, message] = TABLE[name];
  return new ApiError(code, message, options);
}

/** The text of an error of the table, for a watch's cancel_reason and for comparisons. */
export function apiErrorText(name: ApiErrorName): string {
  return TABLE[name][1];
}
