import { etcdserverpb } from "@kvorum/api";
import { asClientError } from "./client-error.js";
import type { CallOptions, EndpointCallOptions } from "./client-options.js";
import { method } from "./method.js";
import {
  type AlarmMember,
  type AlarmResponse,
  type DefragmentResponse,
  type HashKvResponse,
  type MoveLeaderResponse,
  type Received,
  received,
  type StatusResponse,
} from "./responses.js";
import type { Transport } from "./transport.js";

const { MaintenanceDefinition, AlarmRequest_AlarmAction } = etcdserverpb;
const { methods } = MaintenanceDefinition;
const ALARM = method(MaintenanceDefinition, methods.alarm);
const STATUS = method(MaintenanceDefinition, methods.status);
const DEFRAGMENT = method(MaintenanceDefinition, methods.defragment);
const HASH_KV = method(MaintenanceDefinition, methods.hashKV);
const SNAPSHOT = method(MaintenanceDefinition, methods.snapshot);
const MOVE_LEADER = method(MaintenanceDefinition, methods.moveLeader);

/** One piece of a snapshot. */
export type SnapshotChunk = Received<Omit<etcdserverpb.SnapshotResponse, "header">>;

/**
 * The care of single members: where a call is about one of them, name its endpoint. Every call
 * throws ClientError. The counterpart of clientv3's Maintenance.
 */
export class Maintenance {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The state of the member at `options.endpoint`. */
  async status(options: EndpointCallOptions = {}): Promise<StatusResponse> {
    return received(await this.#transport.unary(STATUS, {}, "read", options));
  }

  async alarmList(options: CallOptions = {}): Promise<AlarmResponse> {
    const request = { action: AlarmRequest_AlarmAction.GET, ...NO_ALARM };
    return received(await this.#transport.unary(ALARM, request, "read", options));
  }

  /** Disarms one alarm, or all that are raised, in which case the response's header is empty. */
  async alarmDisarm(alarm: AlarmMember = NO_ALARM, options: CallOptions = {}) {
    if (alarm.memberID !== 0n || alarm.alarm !== etcdserverpb.AlarmType.NONE) {
      return this.#disarm(alarm, options);
    }
    const raised = await this.alarmList(options);
    const header = { clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 };
    const disarmed: AlarmResponse = { header, alarms: [] };
    for (const one of raised.alarms) {
      disarmed.alarms.push(...(await this.#disarm(one, options)).alarms);
    }
    return disarmed;
  }

  /** Gives unused space of the member at `options.endpoint` back to the file system. */
  async defragment(options: EndpointCallOptions = {}): Promise<DefragmentResponse> {
    return received(await this.#transport.unary(DEFRAGMENT, {}, "write", options));
  }

  /** The hash of the history up to `revision` (0: the latest) of the member at the endpoint. */
  async hashKv(revision: number, options: EndpointCallOptions = {}): Promise<HashKvResponse> {
    return received(await this.#transport.unary(HASH_KV, { revision }, "read", options));
  }

  /**
   * The member's whole store as etcd's db file, its SHA-256 at the end. The server waits for a
   * slow reader, so a snapshot of any size passes through in constant memory.
   */
  async *snapshot(
    options: EndpointCallOptions = {},
  ): AsyncGenerator<SnapshotChunk, void, undefined> {
    try {
      for await (const chunk of await this.#transport.serverStream(SNAPSHOT, {}, options)) {
        yield chunk as SnapshotChunk;
      }
    } catch (error) {
      throw asClientError(error);
    }
  }

  /** Asks the leader, which must be the one at the client's endpoint, to step down for `target`. */
  async moveLeader(target: bigint, options: EndpointCallOptions = {}): Promise<MoveLeaderResponse> {
    const request = { targetID: target };
    return received(await this.#transport.unary(MOVE_LEADER, request, "write", options));
  }

  async #disarm(alarm: AlarmMember, options: CallOptions): Promise<AlarmResponse> {
    const request = { action: AlarmRequest_AlarmAction.DEACTIVATE, ...alarm };
    return received(await this.#transport.unary(ALARM, request, "write", options));
  }
}

const NO_ALARM: AlarmMember = { memberID: 0n, alarm: etcdserverpb.AlarmType.NONE };
