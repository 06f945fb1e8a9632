import { etcdserverpb } from "@kvorum/api";
import type { CallOptions } from "./client-options.js";
import { method } from "./method.js";
import {
  type MemberAddResponse,
  type MemberListResponse,
  type MemberPromoteResponse,
  type MemberRemoveResponse,
  type MemberUpdateResponse,
  received,
} from "./responses.js";
import type { Transport } from "./transport.js";

const { ClusterDefinition } = etcdserverpb;
const MEMBER_ADD = method(ClusterDefinition, ClusterDefinition.methods.memberAdd);
const MEMBER_REMOVE = method(ClusterDefinition, ClusterDefinition.methods.memberRemove);
const MEMBER_UPDATE = method(ClusterDefinition, ClusterDefinition.methods.memberUpdate);
const MEMBER_LIST = method(ClusterDefinition, ClusterDefinition.methods.memberList);
const MEMBER_PROMOTE = method(ClusterDefinition, ClusterDefinition.methods.memberPromote);

/** The cluster's members. Every call throws ClientError. The counterpart of clientv3's Cluster. */
export class Cluster {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Linearizable unless `serializable` is set. */
  async memberList(
    options: { readonly serializable?: boolean } & CallOptions = {},
  ): Promise<MemberListResponse> {
    const request = { linearizable: !(options.serializable ?? false) };
    return received(await this.#transport.unary(MEMBER_LIST, request, "read", options));
  }

  async memberAdd(
    peerUrls: readonly string[],
    options: { readonly isLearner?: boolean } & CallOptions = {},
  ): Promise<MemberAddResponse> {
    const request = { peerURLs: [...peerUrls], isLearner: options.isLearner ?? false };
    return received(await this.#transport.unary(MEMBER_ADD, request, "write", options));
  }

  async memberRemove(id: bigint, options: CallOptions = {}): Promise<MemberRemoveResponse> {
    return received(await this.#transport.unary(MEMBER_REMOVE, { ID: id }, "write", options));
  }

  /** Replaces the member's peer URLs. */
  async memberUpdate(
    id: bigint,
    peerUrls: readonly string[],
    options: CallOptions = {},
  ): Promise<MemberUpdateResponse> {
    const request = { ID: id, peerURLs: [...peerUrls] };
    return received(await this.#transport.unary(MEMBER_UPDATE, request, "write", options));
  }

  /** Makes a learner that has caught up a voter. */
  async memberPromote(id: bigint, options: CallOptions = {}): Promise<MemberPromoteResponse> {
    return received(await this.#transport.unary(MEMBER_PROMOTE, { ID: id }, "write", options));
  }
}
