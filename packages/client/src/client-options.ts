import type { Clock } from "@kvorum/base";

/** PEM texts and switches of TLS. */
export interface TlsOptions {
  /** Certificates that the server's chain must end in; undefined means the system's. */
  readonly ca?: Buffer;
  /** This client's certificate and key; both or none. */
  readonly cert?: Buffer;
  readonly key?: Buffer;
  /** The name to ask for and to verify, instead of the endpoint's host. */
  readonly serverName?: string;
  /** Accept any certificate. For tests only. */
  readonly insecureSkipVerify?: boolean;
}

/** A user's name and password, or a token that was issued elsewhere (JWT). */
export type AuthOptions =
  | { readonly username: string; readonly password: string }
  | { readonly token: string };

export interface ClientOptions {
  /** `host:port`, `http(s)://host:port` or `unix(s)://path`; at least one. */
  readonly endpoints: readonly string[];
  readonly tls?: TlsOptions;
  readonly auth?: AuthOptions;
  /** How long a request without a deadline waits for a connection. */
  readonly dialTimeoutMs?: number;
  /** Deadline of each request that names none; undefined means none. */
  readonly requestTimeoutMs?: number;
  readonly keepaliveTimeMs?: number;
  readonly keepaliveTimeoutMs?: number;
  readonly sendBytesMax?: number;
  /** -1 (the default) means no limit. */
  readonly receiveBytesMax?: number;
  readonly clock?: Clock;
}

/** What every call takes. */
export interface CallOptions {
  /** Milliseconds until the call fails with "DEADLINE_EXCEEDED", retries included. */
  readonly timeoutMs?: number | undefined;
  /** Ends the call with "CANCELLED". */
  readonly signal?: AbortSignal | undefined;
}

/** A call that may go to one endpoint only. */
export interface EndpointCallOptions extends CallOptions {
  /** One of the client's endpoints, as given; undefined means any. */
  readonly endpoint?: string | undefined;
}
