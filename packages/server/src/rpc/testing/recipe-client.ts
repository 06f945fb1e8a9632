import { Client, type ClientReadableStream, credentials, Metadata } from "@grpc/grpc-js";
import { etcdserverpb, v3electionpb, v3lockpb } from "@kvorum/api";

interface MessageType<Message> {
  encode(message: Message): { finish(): Uint8Array };
  decode(bytes: Uint8Array): Message;
}

export interface CallOptions {
  readonly token?: string;
  readonly deadlineMs?: number;
  /** Cancels the call. */
  readonly signal?: AbortSignal;
}

const DEADLINE_MS = 30_000;

/** A foreign client (grpc-js) of the services that a test of locks and elections needs. */
export class RecipeClient {
  readonly #client: Client;

  constructor(endpoint: string) {
    // A connection of its own, so that closing it ends the calls of this client alone.
    const own = { "grpc.use_local_subchannel_pool": 1 };
    this.#client = new Client(endpoint, credentials.createInsecure(), own);
  }

  async lock(name: string, lease: bigint, options?: CallOptions): Promise<string> {
    const request = { name: Buffer.from(name), lease };
    const { LockRequest, LockResponse } = v3lockpb;
    const path = "/v3lockpb.Lock/Lock";
    const { key } = await this.#call(path, [LockRequest, LockResponse], request, options);
    return Buffer.from(key).toString();
  }

  async unlock(key: string): Promise<void> {
    const { UnlockRequest, UnlockResponse } = v3lockpb;
    const request = { key: Buffer.from(key) };
    await this.#call("/v3lockpb.Lock/Unlock", [UnlockRequest, UnlockResponse], request);
  }

  async campaign(
    lease: bigint,
    value: string | Buffer,
    options?: CallOptions,
  ): Promise<v3electionpb.LeaderKey> {
    const request = { name: Buffer.from("e"), lease, value: Buffer.from(value) };
    const { CampaignRequest, CampaignResponse } = v3electionpb;
    const path = "/v3electionpb.Election/Campaign";
    const types = [CampaignRequest, CampaignResponse] as const;
    return (await this.#call(path, types, request, options)).leader!;
  }

  /** The value of who leads. */
  async leader(): Promise<Buffer> {
    const { LeaderRequest, LeaderResponse } = v3electionpb;
    const path = "/v3electionpb.Election/Leader";
    const types = [LeaderRequest, LeaderResponse] as const;
    const { kv } = await this.#call(path, types, { name: Buffer.from("e") });
    return Buffer.from(kv!.value);
  }

  async resign(leader: v3electionpb.LeaderKey): Promise<void> {
    const { ResignRequest, ResignResponse } = v3electionpb;
    const types = [ResignRequest, ResignResponse] as const;
    await this.#call("/v3electionpb.Election/Resign", types, { leader });
  }

  async proclaim(leader: v3electionpb.LeaderKey, value: string): Promise<void> {
    const { ProclaimRequest, ProclaimResponse } = v3electionpb;
    const request = { leader, value: Buffer.from(value) };
    const types = [ProclaimRequest, ProclaimResponse] as const;
    await this.#call("/v3electionpb.Election/Proclaim", types, request);
  }

  /** Its values, in order. */
  observe(): ClientReadableStream<v3electionpb.LeaderResponse> {
    return this.#client.makeServerStreamRequest(
      "/v3electionpb.Election/Observe",
      (message: v3electionpb.LeaderRequest) =>
        Buffer.from(v3electionpb.LeaderRequest.encode(message).finish()),
      (bytes) => v3electionpb.LeaderResponse.decode(bytes),
      { name: Buffer.from("e") },
    );
  }

  async grant(ttlSeconds = 600): Promise<bigint> {
    const { LeaseGrantRequest, LeaseGrantResponse } = etcdserverpb;
    const types = [LeaseGrantRequest, LeaseGrantResponse] as const;
    const request = { TTL: ttlSeconds, ID: 0n };
    return (await this.#call("/etcdserverpb.Lease/LeaseGrant", types, request)).ID;
  }

  async revoke(ID: bigint): Promise<void> {
    const { LeaseRevokeRequest, LeaseRevokeResponse } = etcdserverpb;
    const types = [LeaseRevokeRequest, LeaseRevokeResponse] as const;
    await this.#call("/etcdserverpb.Lease/LeaseRevoke", types, { ID });
  }

  /** Seconds that it was granted for; 0: there is no such lease. */
  async grantedTtl(ID: bigint): Promise<number> {
    const { LeaseTimeToLiveRequest, LeaseTimeToLiveResponse } = etcdserverpb;
    const types = [LeaseTimeToLiveRequest, LeaseTimeToLiveResponse] as const;
    const path = "/etcdserverpb.Lease/LeaseTimeToLive";
    return (await this.#call(path, types, { ID, keys: false })).grantedTTL;
  }

  /** The value of a key, undefined when it is not there. */
  async get(key: string): Promise<Buffer | undefined> {
    const { RangeRequest, RangeResponse } = etcdserverpb;
    const request = { ...RangeRequest.decode(NO_BYTES), key: Buffer.from(key) };
    const types = [RangeRequest, RangeResponse] as const;
    const { kvs } = await this.#call("/etcdserverpb.KV/Range", types, request);
    return kvs[0] && Buffer.from(kvs[0].value);
  }

  async put(key: string, value: string): Promise<void> {
    const { PutRequest, PutResponse } = etcdserverpb;
    const bytes = { key: Buffer.from(key), value: Buffer.from(value) };
    const request = { ...PutRequest.decode(NO_BYTES), ...bytes };
    await this.#call("/etcdserverpb.KV/Put", [PutRequest, PutResponse], request);
  }

  /** Resolves once the key is there, or is not; the test's own time-out bounds it. */
  async until(key: string, isThere: boolean): Promise<void> {
    while (((await this.get(key)) !== undefined) !== isThere) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  close(): void {
    this.#client.close();
  }

  #call<Request, Response>(
    path: string,
    [requestType, responseType]: readonly [MessageType<Request>, MessageType<Response>],
    request: Request,
    { token, deadlineMs = DEADLINE_MS, signal }: CallOptions = {},
  ): Promise<Response> {
    const metadata = new Metadata();
    if (token !== undefined) metadata.set("token", token);
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest<Request, Response>(
        path,
        (message) => Buffer.from(requestType.encode(message).finish()),
        (bytes) => responseType.decode(bytes),
        request,
        metadata,
        { deadline: Date.now() + deadlineMs },
        (error, response) => (error ? reject(error) : resolve(response!)),
      );
      signal?.addEventListener("abort", () => call.cancel());
    });
  }
}

const NO_BYTES = new Uint8Array(0);
