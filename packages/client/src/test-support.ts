import { once } from "node:events";
import {
  type handleBidiStreamingCall,
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { etcdserverpb } from "@kvorum/api";

/** A server for tests that answers as a test says. */
export interface FakeServer {
  readonly endpoint: string;
  /** Ends every connection at once. */
  stop(): void;
}

type Unary<Request, Response> = handleUnaryCall<Request, Response>;
type Bidi<Request, Response> = handleBidiStreamingCall<Request, Response>;

export interface FakeHandlers {
  readonly range?: Unary<etcdserverpb.RangeRequest, etcdserverpb.RangeResponse>;
  readonly put?: Unary<etcdserverpb.PutRequest, etcdserverpb.PutResponse>;
  readonly watch?: Bidi<etcdserverpb.WatchRequest, etcdserverpb.WatchResponse>;
  readonly leaseKeepAlive?: Bidi<
    etcdserverpb.LeaseKeepAliveRequest,
    etcdserverpb.LeaseKeepAliveResponse
  >;
  readonly authenticate?: Unary<
    etcdserverpb.AuthenticateRequest,
    etcdserverpb.AuthenticateResponse
  >;
}

const SERVICES = [
  etcdserverpb.KVDefinition,
  etcdserverpb.WatchDefinition,
  etcdserverpb.LeaseDefinition,
  etcdserverpb.AuthDefinition,
];

/** Starts a server on a free port of this machine. */
export async function startFakeServer(handlers: FakeHandlers): Promise<FakeServer> {
  const server = new Server();
  for (const { fullName, methods } of SERVICES) {
    const definition: Record<string, ServiceDefinition[string]> = {};
    const implementation: UntypedServiceImplementation = {};
    for (const [name, one] of Object.entries(methods)) {
      const handler = handlers[name as keyof FakeHandlers];
      if (handler === undefined) continue;
      const { requestType, responseType } = one as AnyMethod;
      definition[name] = {
        path: `/${fullName}/${one.name}`,
        requestStream: one.requestStream,
        responseStream: one.responseStream,
        requestSerialize: (value) => Buffer.from(requestType.encode(value).finish()),
        requestDeserialize: (bytes) => requestType.decode(bytes),
        responseSerialize: (value) => Buffer.from(responseType.encode(value).finish()),
        responseDeserialize: (bytes) => responseType.decode(bytes),
      };
      implementation[name] = handler as UntypedServiceImplementation[string];
    }
    if (Object.keys(definition).length > 0) server.addService(definition, implementation);
  }
  const port = await new Promise<number>((resolve, reject) => {
    const credentials = ServerCredentials.createInsecure();
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) => {
      if (error) reject(error);
      else resolve(bound);
    });
  });
  return { endpoint: `127.0.0.1:${port}`, stop: () => server.forceShutdown() };
}

interface AnyCodec {
  encode(value: unknown): { finish(): Uint8Array };
  decode(bytes: Uint8Array): unknown;
}
interface AnyMethod {
  readonly requestType: AnyCodec;
  readonly responseType: AnyCodec;
}

/** A port on which nothing listens. */
export async function deadEndpoint(): Promise<string> {
  const { createServer } = await import("node:net");
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return `127.0.0.1:${typeof address === "object" ? address?.port : address}`;
}

/** A header as a server sends it. */
export function headerAt(revision: number): etcdserverpb.ResponseHeader {
  return { clusterId: 1n, memberId: 2n, revision, raftTerm: 3 };
}

/** Ends a stream as a server does that goes away: the client sees UNAVAILABLE. */
export function breakStream(stream: { emit(event: "error", error: Error): boolean }): void {
  stream.emit("error", Object.assign(new Error("gone"), { code: status.UNAVAILABLE }));
}
