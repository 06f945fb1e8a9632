import { hexId } from "@kvorum/base";
import type { KeyValue, Member, ResponseHeader, TxnResponse, WatchEvent } from "@kvorum/client";
import type { Formatter, Printer } from "./formatter.js";
import { type GoJson, goJson, omitEmpty } from "./go-json.js";
import type { Results } from "./results.js";

/** `-w json`: the response structs of etcd's client as Go's encoding/json writes them. */
export const json: Formatter = {
  get: (response, printer) => print(getJson(response), printer),
  put: (response, printer) => print(putJson(response), printer),
  delete: (response, printer) => print(deleteJson(response), printer),
  txn: (response, printer) => print(txnJson(response), printer),
  watch: (response, printer) => print(watchJson(response), printer),
  leaseGrant: (response, printer) => {
    const { header, ID, TTL, error } = response;
    print({ ...headerJson(header), ID, TTL, Error: error }, printer);
  },
  leaseRevoke: ({ response }, printer) => print({ header: headerJson(response.header) }, printer),
  leaseKeepAlive: ({ header, ID, TTL }, printer) =>
    print({ ...headerJson(header), ID, TTL }, printer),
  leaseTimeToLive: ({ response }, printer) => print(timeToLiveJson(response), printer),
  leaseList: ({ header, leases }, printer) => {
    const ids = leases.map(({ ID }) => ({ id: ID }));
    print({ ...headerJson(header), leases: ids }, printer);
  },
  memberList: (response, printer) => print(membersJson(response, printer), printer),
  memberAdd: (response, printer) => {
    const member = response.member && memberJson(response.member, printer);
    const { header, members } = membersJson(response, printer);
    print({ header, member, members }, printer);
  },
  memberRemove: ({ response }, printer) => print(membersJson(response, printer), printer),
  memberUpdate: ({ response }, printer) => print(membersJson(response, printer), printer),
  memberPromote: ({ response }, printer) => print(membersJson(response, printer), printer),
  endpointHealth: (list, printer) => {
    const items = list.map(({ endpoint, isHealthy, took, error }) => {
      return { endpoint, health: isHealthy, took, error: omitEmpty(error) };
    });
    print(nullIfEmpty(items), printer);
  },
  endpointStatus: (list, printer) => {
    const items = list.map(({ endpoint, response }) => {
      return { Endpoint: endpoint, Status: statusJson(response) };
    });
    print(nullIfEmpty(items), printer);
  },
  endpointHash: (list, printer) => {
    const items = list.map(({ endpoint, response }) => {
      return { Endpoint: endpoint, HashKV: hashJson(response) };
    });
    print(nullIfEmpty(items), printer);
  },
  alarm: ({ header, alarms }, printer) => {
    const items = alarms.map(({ memberID, alarm }) => {
      return { memberID: omitEmpty(memberID), alarm: omitEmpty(alarm) };
    });
    print({ header: headerJson(header), alarms: omitEmpty(items) }, printer);
  },
  authStatus: ({ header, enabled, authRevision }, printer) => {
    const status = { enabled: omitEmpty(enabled), authRevision: omitEmpty(authRevision) };
    print({ header: headerJson(header), ...status }, printer);
  },
  userAdd: printHeader,
  userDelete: printHeader,
  userGet: ({ response: { header, roles } }, printer) =>
    print({ header: headerJson(header), roles: omitEmpty(roles) }, printer),
  userList: ({ header, users }, printer) =>
    print({ header: headerJson(header), users: omitEmpty(users) }, printer),
  userPasswd: (response, printer) => printHeader({ response }, printer),
  userGrantRole: printHeader,
  userRevokeRole: printHeader,
  roleAdd: printHeader,
  roleDelete: printHeader,
  roleGet: ({ response: { header, perm } }, printer) => {
    const items = perm.map(({ permType, key, rangeEnd }) => {
      return {
        permType: omitEmpty(permType),
        key: omitEmpty(key),
        range_end: omitEmpty(rangeEnd),
      };
    });
    print({ header: headerJson(header), perm: omitEmpty(items) }, printer);
  },
  roleList: ({ header, roles }, printer) =>
    print({ header: headerJson(header), roles: omitEmpty(roles) }, printer),
  roleGrantPermission: printHeader,
  roleRevokePermission: printHeader,
};

/** Most changes of users and roles are answered with nothing else. */
function printHeader(
  { response }: { readonly response: { readonly header: ResponseHeader } },
  printer: Printer,
): void {
  print({ header: headerJson(response.header) }, printer);
}

function print(value: GoJson, { line }: Printer): void {
  line(goJson(value));
}

/** Go writes a list that was never appended to as null. */
function nullIfEmpty(items: readonly GoJson[]): GoJson {
  return items.length === 0 ? null : items;
}

type Nested<T> = Omit<T, "header"> & { readonly header: ResponseHeader | undefined };
type JsonObject = { readonly [name: string]: GoJson | undefined };

function headerJson(header: ResponseHeader | undefined): JsonObject | undefined {
  // What was put together from no response at all, as disarming no alarm, has none.
  if (header === undefined || Object.values(header).every((value) => !value)) return undefined;
  return {
    cluster_id: omitEmpty(header.clusterId),
    member_id: omitEmpty(header.memberId),
    revision: omitEmpty(header.revision),
    raft_term: omitEmpty(header.raftTerm),
  };
}

function pairJson(pair: KeyValue | undefined): JsonObject | undefined {
  if (pair === undefined) return undefined;
  return {
    key: omitEmpty(pair.key),
    create_revision: omitEmpty(pair.createRevision),
    mod_revision: omitEmpty(pair.modRevision),
    version: omitEmpty(pair.version),
    value: omitEmpty(pair.value),
    lease: omitEmpty(pair.lease),
  };
}

function getJson(response: Nested<Results["get"]>): JsonObject {
  return {
    header: headerJson(response.header),
    kvs: omitEmpty(response.kvs.map((pair) => pairJson(pair)!)),
    more: omitEmpty(response.more),
    count: omitEmpty(response.count),
  };
}

function putJson(response: Nested<Results["put"]>): JsonObject {
  return { header: headerJson(response.header), prev_kv: pairJson(response.prevKv) };
}

function deleteJson(response: Nested<Results["delete"]>): JsonObject {
  return {
    header: headerJson(response.header),
    deleted: omitEmpty(response.deleted),
    prev_kvs: omitEmpty(response.prevKvs.map((pair) => pairJson(pair)!)),
  };
}

function txnJson(txn: Nested<TxnResponse>): JsonObject {
  return {
    header: headerJson(txn.header),
    succeeded: omitEmpty(txn.succeeded),
    responses: omitEmpty(txn.responses.map(({ response }) => ({ Response: opJson(response) }))),
  };
}

function opJson(response: TxnResponse["responses"][number]["response"]): JsonObject {
  switch (response?.$case) {
    case "responseRange":
      return { response_range: getJson(response.value) };
    case "responsePut":
      return { response_put: putJson(response.value) };
    case "responseDeleteRange":
      return { response_delete_range: deleteJson(response.value) };
    case "responseTxn":
      return { response_txn: txnJson(response.value) };
    default:
      return {};
  }
}

/** clientv3's own struct, whose members have no JSON names. */
function watchJson(response: Results["watch"]): JsonObject {
  return {
    Header: headerJson(response.header),
    Events: nullIfEmpty(response.events.map(eventJson)),
    CompactRevision: response.compactRevision,
    Canceled: response.canceled,
    Created: response.created,
    CancelReason: response.cancelReason,
  };
}

function eventJson(event: WatchEvent): JsonObject {
  return {
    type: omitEmpty(event.type),
    kv: pairJson(event.kv),
    prev_kv: pairJson(event.prevKv),
  };
}

function timeToLiveJson(response: Results["leaseTimeToLive"]["response"]): JsonObject {
  const { header, ID, TTL, grantedTTL, keys } = response;
  return {
    ...headerJson(header),
    id: ID,
    ttl: TTL,
    "granted-ttl": grantedTTL,
    keys: nullIfEmpty(keys),
  };
}

function membersJson(
  response: { readonly header: ResponseHeader; readonly members: readonly Member[] },
  printer: Printer,
): JsonObject {
  const members = response.members.map((member) => memberJson(member, printer));
  const { clusterId, memberId, revision, raftTerm } = response.header;
  if (!printer.isHex) return { header: headerJson(response.header), members: omitEmpty(members) };
  const header = {
    cluster_id: hexId(clusterId),
    member_id: hexId(memberId),
    revision: omitEmpty(revision),
    raft_term: omitEmpty(raftTerm),
  };
  return { header, members };
}

function memberJson(member: Member, { isHex }: Printer): JsonObject {
  return {
    ID: isHex ? hexId(member.ID) : omitEmpty(member.ID),
    name: omitEmpty(member.name),
    peerURLs: omitEmpty(member.peerURLs),
    clientURLs: omitEmpty(member.clientURLs),
    isLearner: omitEmpty(member.isLearner),
  };
}

function statusJson(response: Results["endpointStatus"][number]["response"]): JsonObject {
  const downgrade = response.downgradeInfo;
  return {
    header: headerJson(response.header),
    version: omitEmpty(response.version),
    dbSize: omitEmpty(response.dbSize),
    leader: omitEmpty(response.leader),
    raftIndex: omitEmpty(response.raftIndex),
    raftTerm: omitEmpty(response.raftTerm),
    raftAppliedIndex: omitEmpty(response.raftAppliedIndex),
    errors: omitEmpty(response.errors),
    dbSizeInUse: omitEmpty(response.dbSizeInUse),
    isLearner: omitEmpty(response.isLearner),
    storageVersion: omitEmpty(response.storageVersion),
    dbSizeQuota: omitEmpty(response.dbSizeQuota),
    downgradeInfo: downgrade && {
      enabled: omitEmpty(downgrade.enabled),
      targetVersion: omitEmpty(downgrade.targetVersion),
    },
  };
}

function hashJson(response: Results["endpointHash"][number]["response"]): JsonObject {
  return {
    header: headerJson(response.header),
    hash: omitEmpty(response.hash),
    compact_revision: omitEmpty(response.compactRevision),
    hash_revision: omitEmpty(response.hashRevision),
  };
}
