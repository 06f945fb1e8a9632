import { authpb, etcdserverpb, mvccpb } from "@kvorum/api";
import { goQuote, hexId } from "@kvorum/base";
import type { KeyValue, ResponseHeader, TxnResponse } from "@kvorum/client";
import type { Formatter, Printer } from "./formatter.js";
import { hex16 } from "./go-text.js";
import type { Results } from "./results.js";

/** `-w fields`: one `"Name" : value` a line. */
export const fields: Formatter = {
  get: showGet,
  put: showPut,
  delete: showDelete,
  txn: showTxn,
  watch: (response, printer) => {
    showHeader(response.header, printer);
    for (const event of response.events) {
      printer.line(`"Type" : ${mvccpb.Event_EventType[event.type]}`);
      if (event.prevKv !== undefined) showPair("Prev", event.prevKv, printer);
      if (event.kv !== undefined) showPair("", event.kv, printer);
    }
  },
  leaseGrant: (response, printer) => showLease(response, printer),
  leaseRevoke: ({ response }, printer) => showHeader(response.header, printer),
  leaseKeepAlive: (response, printer) => showLease(response, printer),
  leaseTimeToLive: ({ response }, printer) => {
    showLease(response, printer);
    printer.line(`"GrantedTTL" : ${response.grantedTTL}`);
    for (const key of response.keys) printer.line(`"Key" : ${goQuote(key)}`);
  },
  leaseList: ({ header, leases }, printer) => {
    showHeader(header, printer);
    for (const { ID } of leases) printer.line(`"ID" : ${leaseId(ID, printer)}`);
  },
  memberList: showMembers,
  endpointHealth: (list, { line }) => {
    for (const { endpoint, isHealthy, took, error } of list) {
      line(`"Endpoint" : ${goQuote(endpoint)}`);
      line(`"Health" : ${isHealthy}`);
      line(`"Took" : ${took}`);
      line(`"Error" : ${error}`);
      line("");
    }
  },
  endpointStatus: showStatus,
  endpointHash: (list, printer) => {
    for (const { endpoint, response } of list) {
      showHeader(response.header, printer);
      printer.line(`"Endpoint" : ${goQuote(endpoint)}`);
      printer.line(`"Hash" : ${response.hash}`);
      printer.line(`"HashRevision" : ${response.hashRevision}`);
      printer.line("");
    }
  },
  alarm: ({ header, alarms }, printer) => {
    showHeader(header, printer);
    for (const { memberID, alarm } of alarms) {
      printer.line(`"MemberID" : ${printer.isHex ? hexId(memberID) : memberID}`);
      printer.line(`"AlarmType" : ${etcdserverpb.AlarmType[alarm]}`);
      printer.line("");
    }
  },
  userAdd: showResponseHeader,
  userDelete: showResponseHeader,
  userPasswd: ({ header }, printer) => showHeader(header, printer),
  userGrantRole: showResponseHeader,
  userRevokeRole: showResponseHeader,
  roleAdd: showResponseHeader,
  roleDelete: showResponseHeader,
  roleGet: ({ response: { header, perm } }, printer) => {
    showHeader(header, printer);
    for (const { permType, key, rangeEnd } of perm) {
      // Go's Println puts a second space.
      printer.line(`"PermType" :  ${authpb.Permission_Type[permType]}`);
      printer.line(`"Key" : ${goQuote(key)}`);
      printer.line(`"RangeEnd" : ${goQuote(rangeEnd)}`);
    }
  },
  roleList: ({ header, roles }, printer) => {
    showHeader(header, printer);
    printer.line(['"Roles" :', ...roles.map((role) => goQuote(role))].join(" "));
  },
  roleGrantPermission: showResponseHeader,
  roleRevokePermission: showResponseHeader,
};

function showResponseHeader(
  { response }: { readonly response: { readonly header: ResponseHeader } },
  printer: Printer,
): void {
  showHeader(response.header, printer);
}

function showHeader(header: ResponseHeader | undefined, { isHex, line }: Printer): void {
  const { clusterId, memberId, revision, raftTerm } = header ?? NO_HEADER;
  line(`"ClusterID" : ${isHex ? hexId(clusterId) : clusterId}`);
  line(`"MemberID" : ${isHex ? hexId(memberId) : memberId}`);
  // Responses that are not about keys leave the revision out.
  if (revision > 0) line(`"Revision" : ${revision}`);
  line(`"RaftTerm" : ${raftTerm}`);
}

const NO_HEADER: ResponseHeader = { clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 };

function showPair(prefix: string, pair: KeyValue, printer: Printer): void {
  const { line } = printer;
  line(`"${prefix}Key" : ${goQuote(pair.key)}`);
  line(`"${prefix}CreateRevision" : ${pair.createRevision}`);
  line(`"${prefix}ModRevision" : ${pair.modRevision}`);
  line(`"${prefix}Version" : ${pair.version}`);
  line(`"${prefix}Value" : ${goQuote(pair.value)}`);
  line(`"${prefix}Lease" : ${leaseId(pair.lease, printer)}`);
}

function leaseId(id: bigint, { isHex }: Printer): string {
  return isHex ? hex16(id) : String(id);
}

function showLease(
  response: { readonly header: ResponseHeader; readonly ID: bigint; readonly TTL: number },
  printer: Printer,
): void {
  showHeader(response.header, printer);
  printer.line(`"ID" : ${leaseId(response.ID, printer)}`);
  printer.line(`"TTL" : ${response.TTL}`);
}

type Nested<T> = Omit<T, "header"> & { readonly header: ResponseHeader | undefined };

function showGet(response: Nested<Results["get"]>, printer: Printer): void {
  showHeader(response.header, printer);
  for (const pair of response.kvs) showPair("", pair, printer);
  printer.line(`"More" : ${response.more}`);
  printer.line(`"Count" : ${response.count}`);
}

function showPut(response: Nested<Results["put"]>, printer: Printer): void {
  showHeader(response.header, printer);
  if (response.prevKv !== undefined) showPair("Prev", response.prevKv, printer);
}

function showDelete(response: Nested<Results["delete"]>, printer: Printer): void {
  showHeader(response.header, printer);
  printer.line(`"Deleted" : ${response.deleted}`);
  for (const pair of response.prevKvs) showPair("Prev", pair, printer);
}

function showTxn(txn: Nested<TxnResponse>, printer: Printer): void {
  showHeader(txn.header, printer);
  printer.line(`"Succeeded" : ${txn.succeeded}`);
  for (const { response } of txn.responses) {
    if (response?.$case === "responseRange") showGet(response.value, printer);
    else if (response?.$case === "responsePut") showPut(response.value, printer);
    else if (response?.$case === "responseDeleteRange") showDelete(response.value, printer);
    else printer.line(`"Unknown" : ${goQuote(response?.$case ?? "<nil>")}`);
  }
}

function showMembers({ header, members }: Results["memberList"], printer: Printer): void {
  const { line, isHex } = printer;
  showHeader(header, printer);
  for (const member of members) {
    line(`"ID" : ${isHex ? hexId(member.ID) : member.ID}`);
    line(`"Name" : ${goQuote(member.name)}`);
    for (const url of member.peerURLs) line(`"PeerURL" : ${goQuote(url)}`);
    for (const url of member.clientURLs) line(`"ClientURL" : ${goQuote(url)}`);
    line(`"IsLearner" : ${member.isLearner}`);
    line("");
  }
}

function showStatus(list: Results["endpointStatus"], printer: Printer): void {
  const { line } = printer;
  for (const { endpoint, response } of list) {
    showHeader(response.header, printer);
    line(`"Version" : ${goQuote(response.version)}`);
    line(`"StorageVersion" : ${goQuote(response.storageVersion)}`);
    line(`"DBSize" : ${response.dbSize}`);
    line(`"DBSizeInUse" : ${response.dbSizeInUse}`);
    line(`"DBSizeQuota" : ${response.dbSizeQuota}`);
    line(`"Leader" : ${response.leader}`);
    line(`"IsLearner" : ${response.isLearner}`);
    line(`"RaftIndex" : ${response.raftIndex}`);
    line(`"RaftTerm" : ${response.raftTerm}`);
    line(`"RaftAppliedIndex" : ${response.raftAppliedIndex}`);
    line(`"Errors" : [${response.errors.join(" ")}]`);
    line(`"Endpoint" : ${goQuote(endpoint)}`);
    line(`"DowngradeTargetVersion" : ${goQuote(response.downgradeInfo?.targetVersion ?? "")}`);
    line(`"DowngradeEnabled" : ${response.downgradeInfo?.enabled ?? false}`);
    line("");
  }
}
