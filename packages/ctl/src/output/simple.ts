import { etcdserverpb, mvccpb } from "@kvorum/api";
import { hexId } from "@kvorum/base";
import type { TxnResponse } from "@kvorum/client";
import type { Formatter, Printer } from "./formatter.js";
import { hex16, padded16 } from "./go-text.js";
import { printPair } from "./pair.js";
import type { Results } from "./results.js";
import { hashRows, memberRows, type Rows, statusRows } from "./rows.js";
import { simpleAuth } from "./simple-auth.js";

/** The format of `-w simple`, the default. */
export const simple: Formatter = {
  get: showGet,
  put: showPut,
  delete: showDelete,
  txn: showTxn,
  watch: (response, printer) => {
    for (const event of response.events) {
      printer.line(mvccpb.Event_EventType[event.type]!);
      if (event.prevKv !== undefined) printPair(event.prevKv, printer);
      if (event.kv !== undefined) printPair(event.kv, printer);
    }
  },
  leaseGrant: ({ ID, TTL }, { line }) => line(`lease ${hex16(ID)} granted with TTL(${TTL}s)`),
  leaseRevoke: ({ id }, { line }) => line(`lease ${hex16(id)} revoked`),
  leaseKeepAlive: ({ ID, TTL }, { line }) => line(`lease ${hex16(ID)} keepalived with TTL(${TTL})`),
  leaseTimeToLive: showTimeToLive,
  leaseList: ({ leases }, { line }) => {
    line(`found ${leases.length} leases`);
    for (const { ID } of leases) line(hex16(ID));
  },
  memberList: (response, printer) => joined(memberRows(response), printer),
  memberAdd: ({ member, header }, { line }) => {
    const how = member?.isLearner ? " as learner " : " ";
    const id = padded16(member?.ID ?? 0n);
    line(`Member ${id} added${how}to cluster ${padded16(header.clusterId)}`);
  },
  memberRemove: ({ id, response: { header } }, { line }) =>
    line(`Member ${padded16(id)} removed from cluster ${padded16(header.clusterId)}`),
  memberUpdate: ({ id, response: { header } }, { line }) =>
    line(`Member ${padded16(id)} updated in cluster ${padded16(header.clusterId)}`),
  memberPromote: ({ id, response: { header } }, { line }) =>
    line(`Member ${padded16(id)} promoted in cluster ${padded16(header.clusterId)}`),
  endpointHealth: (list, { line, err }) => {
    for (const { endpoint, took, error } of list) {
      const what = "successfully committed proposal: took =";
      if (error === "") line(`${endpoint} is healthy: ${what} ${took}`);
      else err.write(`${endpoint} is unhealthy: failed to commit proposal: ${error}\n`);
    }
  },
  endpointStatus: (list, printer) => joined(statusRows(list), printer),
  endpointHash: (list, printer) => joined(hashRows(list), printer),
  moveLeader: ({ leader, target }, { line }) =>
    line(`Leadership transferred from ${hexId(leader)} to ${hexId(target)}`),
  alarm: ({ alarms }, { line }) => {
    for (const { memberID, alarm } of alarms) {
      const id = memberID === 0n ? "" : `memberID:${memberID}`;
      const what = alarm === 0 ? "" : `alarm:${etcdserverpb.AlarmType[alarm]}`;
      line([id, what].filter((part) => part !== "").join(" "));
    }
  },
  ...simpleAuth,
};

function joined({ rows }: Rows, { line }: Printer): void {
  for (const row of rows) line(row.join(", "));
}

function showGet({ kvs }: Pick<Results["get"], "kvs">, printer: Printer): void {
  for (const pair of kvs) printPair(pair, printer);
}

function showPut({ prevKv }: Pick<Results["put"], "prevKv">, printer: Printer): void {
  printer.line("OK");
  if (prevKv !== undefined) printPair(prevKv, printer);
}

function showDelete(
  { deleted, prevKvs }: Pick<Results["delete"], "deleted" | "prevKvs">,
  printer: Printer,
): void {
  printer.line(String(deleted));
  for (const pair of prevKvs) printPair(pair, printer);
}

function showTxn(
  { succeeded, responses }: Pick<TxnResponse, "succeeded" | "responses">,
  printer: Printer,
): void {
  printer.line(succeeded ? "SUCCESS" : "FAILURE");
  for (const { response } of responses) {
    printer.line("");
    if (response?.$case === "responseRange") showGet(response.value, printer);
    else if (response?.$case === "responsePut") showPut(response.value, printer);
    else if (response?.$case === "responseDeleteRange") showDelete(response.value, printer);
    else printer.line(`unexpected response ${response?.$case ?? "<nil>"}`);
  }
}

function showTimeToLive(
  { withKeys, response }: Results["leaseTimeToLive"],
  { line, out }: Printer,
): void {
  const { ID, TTL, grantedTTL, keys } = response;
  if (grantedTTL === 0 && TTL === -1) {
    line(`lease ${hex16(ID)} already expired`);
    return;
  }
  const text = `lease ${hex16(ID)} granted with TTL(${grantedTTL}s), remaining(${TTL}s)`;
  if (!withKeys) {
    line(text);
    return;
  }
  out.write(`${text}, attached keys([`);
  keys.forEach((key, i) => {
    if (i > 0) out.write(" ");
    out.write(key);
  });
  line("])");
}
