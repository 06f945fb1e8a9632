import { etcdserverpb } from "@kvorum/api";
import type { AuthResponse } from "@kvorum/client";
import type { Formatter, Printer } from "./formatter.js";

/** `-w protobuf`: the response as it came over the wire. */
export const protobuf: Formatter = {
  get: (response, printer) => print(etcdserverpb.RangeResponse, response, printer),
  put: (response, printer) => print(etcdserverpb.PutResponse, response, printer),
  delete: (response, printer) => print(etcdserverpb.DeleteRangeResponse, response, printer),
  txn: (response, printer) => print(etcdserverpb.TxnResponse, response, printer),
  watch: (response, printer) => print(etcdserverpb.WatchResponse, response, printer),
  memberList: (response, printer) => print(etcdserverpb.MemberListResponse, response, printer),
  memberAdd: (response, printer) => print(etcdserverpb.MemberAddResponse, response, printer),
  memberRemove: ({ response }, printer) =>
    print(etcdserverpb.MemberRemoveResponse, response, printer),
  memberUpdate: ({ response }, printer) =>
    print(etcdserverpb.MemberUpdateResponse, response, printer),
  memberPromote: ({ response }, printer) =>
    print(etcdserverpb.MemberPromoteResponse, response, printer),
  alarm: (response, printer) => print(etcdserverpb.AlarmResponse, response, printer),
  authStatus: (response, printer) => print(etcdserverpb.AuthStatusResponse, response, printer),
  userAdd: printAuth,
  userDelete: printAuth,
  userGet: ({ response }, printer) => print(etcdserverpb.AuthUserGetResponse, response, printer),
  userList: (response, printer) => print(etcdserverpb.AuthUserListResponse, response, printer),
  userPasswd: (response, printer) => printAuth({ response }, printer),
  userGrantRole: printAuth,
  userRevokeRole: printAuth,
  roleAdd: printAuth,
  roleDelete: printAuth,
  roleGet: ({ response }, printer) => print(etcdserverpb.AuthRoleGetResponse, response, printer),
  roleList: (response, printer) => print(etcdserverpb.AuthRoleListResponse, response, printer),
  roleGrantPermission: printAuth,
  roleRevokePermission: printAuth,
};

/** The responses to changes of users and roles are all alike. */
function printAuth({ response }: { readonly response: AuthResponse }, printer: Printer): void {
  print(etcdserverpb.AuthEnableResponse, response, printer);
}

function print<T>(
  codec: { encode(message: T): { finish(): Uint8Array } },
  message: T,
  { out }: Printer,
): void {
  out.write(codec.encode(message).finish());
}
