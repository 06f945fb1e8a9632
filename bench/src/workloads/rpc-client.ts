import { etcdserverpb } from "@kvorum/api";
import { callOnce } from "../load/call-once.js";
import type { ClientConnection } from "../wire/connection.js";

/**
 * Typed calls for workloads whose clients decide by what they read. They cost a few microseconds
 * more than an `Operation`, which is small against what such a client waits for.
 */
export class RpcClient {
  readonly connection: ClientConnection;

  constructor(connection: ClientConnection) {
    this.connection = connection;
  }

  async range(request: Partial<etcdserverpb.RangeRequest>): Promise<etcdserverpb.RangeResponse> {
    const { RangeRequest, RangeResponse } = etcdserverpb;
    const bytes = RangeRequest.encode(RangeRequest.fromPartial(request)).finish();
    return RangeResponse.decode(await this.#call("KV/Range", bytes));
  }

  async put(request: Partial<etcdserverpb.PutRequest>): Promise<etcdserverpb.PutResponse> {
    const { PutRequest, PutResponse } = etcdserverpb;
    const bytes = PutRequest.encode(PutRequest.fromPartial(request)).finish();
    return PutResponse.decode(await this.#call("KV/Put", bytes));
  }

  /** Puts if the key's mod revision is still `modRevision`; returns whether it was. */
  async compareAndPut(key: Uint8Array, modRevision: number, value: Uint8Array): Promise<boolean> {
    const { Compare, PutRequest, TxnRequest, TxnResponse } = etcdserverpb;
    const compare = Compare.fromPartial({ key });
    compare.target = etcdserverpb.Compare_CompareTarget.MOD;
    compare.targetUnion = { $case: "modRevision", value: modRevision };
    const put = PutRequest.fromPartial({ key, value });
    const request = {
      compare: [compare],
      success: [{ request: { $case: "requestPut" as const, value: put } }],
      failure: [],
    };
    const bytes = TxnRequest.encode(request).finish();
    return TxnResponse.decode(await this.#call("KV/Txn", bytes)).succeeded;
  }

  async compact(revision: number): Promise<void> {
    const { CompactionRequest } = etcdserverpb;
    const bytes = CompactionRequest.encode({ revision, physical: true }).finish();
    await this.#call("KV/Compact", bytes);
  }

  async defragment(): Promise<void> {
    await this.#call("Maintenance/Defragment", Buffer.alloc(0));
  }

  async grantLease(ttlSeconds: number): Promise<bigint> {
    const { LeaseGrantRequest, LeaseGrantResponse } = etcdserverpb;
    const bytes = LeaseGrantRequest.encode({ TTL: ttlSeconds, ID: 0n }).finish();
    return LeaseGrantResponse.decode(await this.#call("Lease/LeaseGrant", bytes)).ID;
  }

  async status(): Promise<etcdserverpb.StatusResponse> {
    const bytes = await this.#call("Maintenance/Status", Buffer.alloc(0));
    return etcdserverpb.StatusResponse.decode(bytes);
  }

  #call(method: string, bytes: Uint8Array): Promise<Buffer> {
    return callOnce(this.connection, `/etcdserverpb.${method}`, Buffer.from(bytes));
  }
}
