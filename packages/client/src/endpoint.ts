import { basename } from "node:path";

/** An endpoint as etcd writes it, taken apart. */
export interface Endpoint {
  /** As given: the name under which `Client` knows it. */
  readonly text: string;
  /** The address for gRPC: "host:port" or "unix:path". */
  readonly target: string;
  /** "require" for https and unixs, "never" for http, else whether TLS is configured. */
  readonly tls: "require" | "never" | "if-configured";
  /** Of a unix socket: the name that its certificate must carry. */
  readonly serverName: string | undefined;
}

/**
 * Reads `host:port`, `http(s)://host:port` or `unix(s)://path`.
 * The counterpart of clientv3's internal/endpoint.
 */
export function parseEndpoint(text: string): Endpoint {
  const unix = /^(unixs?):(?:\/\/)?(.*)$/.exec(text);
  if (unix) {
    const path = unix[2]!;
    const tls = unix[1] === "unixs" ? "require" : "if-configured";
    return { text, target: `unix:${path}`, tls, serverName: basename(path) };
  }
  const url = /^(https?):\/\/([^/?#]*)/.exec(text);
  if (url) {
    const tls = url[1] === "https" ? "require" : "never";
    return { text, target: url[2]!, tls, serverName: undefined };
  }
  return { text, target: text, tls: "if-configured", serverName: undefined };
}
