import {
  type ChannelCredentials,
  Client,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { etcdserverpb, v3electionpb, v3lockpb } from "@kvorum/api";

/** A message type of the generated code. */
interface MessageType<Message> {
  encode(message: Message): { finish(): Uint8Array };
  decode(bytes: Uint8Array): Message;
}

/** One unary method of a generated service definition. */
interface UnaryMethod<Request, Response> {
  readonly name: string;
  readonly requestType: MessageType<Request>;
  readonly responseType: MessageType<Response>;
}

export const kv = etcdserverpb.KVDefinition.methods;
export const lease = etcdserverpb.LeaseDefinition.methods;
export const auth = etcdserverpb.AuthDefinition.methods;
export const cluster = etcdserverpb.ClusterDefinition.methods;
export const maintenance = etcdserverpb.MaintenanceDefinition.methods;
export const lock = v3lockpb.LockDefinition.methods;
export const election = v3electionpb.ElectionDefinition.methods;

const SERVICES = [
  etcdserverpb.KVDefinition,
  etcdserverpb.LeaseDefinition,
  etcdserverpb.MaintenanceDefinition,
  etcdserverpb.ClusterDefinition,
  etcdserverpb.AuthDefinition,
  v3lockpb.LockDefinition,
  v3electionpb.ElectionDefinition,
];

function pathOf(method: object): string {
  for (const service of SERVICES) {
    for (const candidate of Object.values(service.methods)) {
      if (candidate === method) return `/${service.fullName}/${candidate.name}`;
    }
  }
  throw new Error("the method belongs to no service known here");
}

/** A foreign gRPC client (grpc-js) over the generated messages, with nothing of ours between. */
export class Rpc {
  readonly #client: Client;

  constructor(endpoint: string, channel: ChannelCredentials = credentials.createInsecure()) {
    this.#client = new Client(endpoint, channel, {
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
      "grpc.initial_reconnect_backoff_ms": 50,
      "grpc.max_reconnect_backoff_ms": 200,
    });
  }

  /**
   * @param token of a user; undefined: nobody is named
   * @throws ServiceError with `code` and `details`
   */
  call<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    deadlineMs = 20_000,
    token?: string,
  ): Promise<Response> {
    const metadata = new Metadata();
    if (token !== undefined) metadata.set("token", token);
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest<Request, Response>(
        pathOf(method),
        (message) => Buffer.from(method.requestType.encode(message).finish()),
        (bytes) => method.responseType.decode(bytes),
        request,
        metadata,
        { deadline: Date.now() + deadlineMs },
        (error: ServiceError | null, response) => {
          if (error) reject(error);
          else resolve(response as Response);
        },
      );
    });
  }

  /** A stream in both directions, as grpc-js has it. */
  stream<Request, Response>(
    path: string,
    requestType: MessageType<Request>,
    responseType: MessageType<Response>,
    token?: string,
  ) {
    const metadata = new Metadata();
    if (token !== undefined) metadata.set("token", token);
    return this.#client.makeBidiStreamRequest<Request, Response>(
      path,
      (message) => Buffer.from(requestType.encode(message).finish()),
      (bytes) => responseType.decode(bytes),
      metadata,
    );
  }

  /** Resolves once a linearizable read is answered, or refused for want of a user. */
  async untilServing(withinMs: number): Promise<void> {
    const deadline = Date.now() + withinMs;
    for (;;) {
      try {
        await this.call(kv.range, range({ key: Buffer.from("ready") }), 1_000);
        return;
      } catch (error) {
        if ((error as ServiceError).code === status.INVALID_ARGUMENT) return;
        if (Date.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  close(): void {
    this.#client.close();
  }
}

const NOTHING = new Uint8Array(0);

/** A request with the fields that are given and the others empty. */
export function range(fields: Partial<etcdserverpb.RangeRequest>): etcdserverpb.RangeRequest {
  return { ...etcdserverpb.RangeRequest.decode(NOTHING), ...fields };
}

export function put(fields: Partial<etcdserverpb.PutRequest>): etcdserverpb.PutRequest {
  return { ...etcdserverpb.PutRequest.decode(NOTHING), ...fields };
}

export function deleteRange(
  fields: Partial<etcdserverpb.DeleteRangeRequest>,
): etcdserverpb.DeleteRangeRequest {
  return { ...etcdserverpb.DeleteRangeRequest.decode(NOTHING), ...fields };
}
