import { ChannelCredentials, Client as GrpcClient } from "@grpc/grpc-js";
import { messageOf } from "@kvorum/base";
import { ClientError, closedError } from "./client-error.js";
import type { ClientOptions, TlsOptions } from "./client-options.js";
import { type Endpoint, parseEndpoint } from "./endpoint.js";
import { limits } from "./limits.js";

interface Connection {
  readonly endpoint: Endpoint;
  channel: GrpcClient | undefined;
}

/** One lazily opened gRPC channel an endpoint, handed out in turn. */
export class Connections {
  readonly #options: ClientOptions;
  readonly #connections: Connection[];
  #next = 0;
  #isClosed = false;

  /** @throws ClientError "OPTIONS" without an endpoint */
  constructor(options: ClientOptions) {
    if (options.endpoints.length === 0) {
      throw new ClientError("OPTIONS", "etcdclient: no available endpoints");
    }
    this.#options = options;
    this.#connections = options.endpoints.map((text) => {
      return { endpoint: parseEndpoint(text), channel: undefined };
    });
  }

  get count(): number {
    return this.#connections.length;
  }

  /** The channel of `endpoint`, or of the next endpoint in turn. @throws ClientError */
  pick(endpoint: string | undefined): GrpcClient {
    if (this.#isClosed) throw closedError();
    const connection = endpoint === undefined ? this.#inTurn() : this.#named(endpoint);
    connection.channel ??= this.#open(connection.endpoint);
    return connection.channel;
  }

  close(): void {
    this.#isClosed = true;
    for (const connection of this.#connections) connection.channel?.close();
  }

  #inTurn(): Connection {
    const connection = this.#connections[this.#next]!;
    this.#next = (this.#next + 1) % this.#connections.length;
    return connection;
  }

  #named(endpoint: string): Connection {
    const known = this.#connections.find((connection) => connection.endpoint.text === endpoint);
    if (known) return known;
    throw new ClientError("OPTIONS", `${endpoint} is not an endpoint of this client`);
  }

  #open(endpoint: Endpoint): GrpcClient {
    const options = this.#options;
    const serverName = options.tls?.serverName ?? endpoint.serverName;
    return new GrpcClient(endpoint.target, credentials(endpoint, options.tls), {
      "grpc.keepalive_time_ms": Math.max(options.keepaliveTimeMs ?? 0, limits.keepaliveTimeMs),
      "grpc.keepalive_timeout_ms": options.keepaliveTimeoutMs ?? limits.keepaliveTimeoutMs,
      "grpc.keepalive_permit_without_calls": 0,
      "grpc.max_send_message_length": options.sendBytesMax ?? limits.sendBytesMax,
      "grpc.max_receive_message_length": options.receiveBytesMax ?? -1,
      "grpc.initial_reconnect_backoff_ms": limits.reopenWaitMs,
      "grpc.max_reconnect_backoff_ms": limits.reopenWaitMsMax,
      // The client fails over by itself; a proxy of the environment is not for a store's port.
      "grpc.enable_http_proxy": 0,
      "grpc.service_config_disable_resolution": 1,
      ...(serverName === undefined || endpoint.tls === "never"
        ? {}
        : { "grpc.ssl_target_name_override": serverName, "grpc.default_authority": serverName }),
    });
  }
}

function credentials(endpoint: Endpoint, tls: TlsOptions | undefined): ChannelCredentials {
  const isTls = endpoint.tls === "require" || (endpoint.tls !== "never" && tls !== undefined);
  if (!isTls) return ChannelCredentials.createInsecure();
  try {
    return ChannelCredentials.createSsl(tls?.ca ?? null, tls?.key ?? null, tls?.cert ?? null, {
      rejectUnauthorized: !(tls?.insecureSkipVerify ?? false),
    });
  } catch (cause) {
    const reason = messageOf(cause);
    throw new ClientError("OPTIONS", `the TLS options are not usable: ${reason}`, { cause });
  }
}
