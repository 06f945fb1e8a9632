import {
  createSecureContext,
  createServer,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
  type TlsOptions,
} from "node:tls";
import { messageOf } from "@kvorum/base";
import type { TlsConfig, TlsVersion } from "../config/config.js";
import { opensslCiphers } from "../config/tls-names.js";
import type { Logger } from "../observe/logger.js";
import { ClientIdentityCheck } from "./client-identity.js";
import { handshakeFailure } from "./handshake-failure.js";
import { findSanMismatch, type HostResolver, systemResolver } from "./san-check.js";
import { readConfiguredFile, WatchedFiles } from "./watched-files.js";

/** What a TLS listener needs, read and checked once at the start. */
export interface ServerTls {
  /**
   * A server that hands over each client that may stay, after its handshake. Each new connection
   * gets the certificates as they are on disk. Clients that fail the checks of chain, common name,
   * host name or revocation are disconnected; these and failed handshakes are logged.
   */
  createServer(onClient: (socket: TLSSocket) => void): Server;
}

export interface ServerTlsOptions {
  readonly config: TlsConfig;
  readonly logger: Logger;
  /** Named in log lines. Peers speak HTTP/1.1 only, and must call from a host they may be on. */
  readonly endpoint: "client" | "peer";
  /** For the names in peers' certificates; undefined: the machine's. */
  readonly resolver?: HostResolver;
}

/** etcd's tlsHandshakeTimeout */
const HANDSHAKE_TIMEOUT_MS = 10_000;

const NODE_VERSIONS = { "TLS1.2": "TLSv1.2", "TLS1.3": "TLSv1.3" } as const;

/**
 * Reads certificates and keys and prepares a TLS listener with etcd's rules: a CA file or
 * `clientCertAuth` demands a certificate from every client, ALPN offers h2 and http/1.1.
 * @throws Error when files are missing or don't fit together, with etcd's message where it has one
 */
export function createServerTls(options: ServerTlsOptions): ServerTls {
  const { config, logger, endpoint } = options;
  const problem = findContradiction(config);
  if (problem !== undefined) throw new Error(problem);
  const context = readContext(config);
  const files = new WatchedFiles([config.certFile, config.keyFile, config.trustedCaFile]);
  const identity = new ClientIdentityCheck(config);
  const checksOrigin = endpoint === "peer" && !config.skipClientSanVerification;
  const resolver = options.resolver ?? systemResolver;
  const tlsOptions: TlsOptions = {
    ...context,
    requestCert: demandsCertificate(config),
    rejectUnauthorized: demandsCertificate(config),
    ALPNProtocols: endpoint === "peer" ? ["http/1.1"] : ["h2", "http/1.1"],
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    noDelay: true,
  };
  const logRejection = (socket: TLSSocket, reason: string) =>
    logger.warn(`rejected connection on ${endpoint} endpoint`, {
      "remote-addr": `${socket.remoteAddress ?? ""}:${socket.remotePort ?? ""}`,
      error: reason,
    });
  return {
    createServer(onClient) {
      const admit = (socket: TLSSocket, mismatch: string | undefined) => {
        const reason = mismatch ?? identity.refusal(socket);
        if (reason === undefined) {
          onClient(socket);
          return;
        }
        logRejection(socket, reason);
        // What the client does to a socket that is being closed is of no interest.
        socket.on("error", () => {});
        socket.destroy();
      };
      const server = createServer(tlsOptions, (socket) => {
        const certificate = checksOrigin ? socket.getPeerCertificate()?.raw : undefined;
        if (certificate === undefined) admit(socket, undefined);
        else void admitByOrigin(socket, { certificate, resolver, admit });
      });
      // Before the server's own listener, which takes the secure context for this connection.
      server.prependListener("connection", () => refresh(server, { config, files, logger }));
      server.on("tlsClientError", (error, socket) => {
        const reason = handshakeFailure(error, socket);
        if (reason !== undefined) logRejection(socket, reason);
      });
      return server;
    },
  };
}

/** Asks the name service first, which takes time: until then the socket's errors end here. */
async function admitByOrigin(
  socket: TLSSocket,
  context: {
    readonly certificate: Buffer;
    readonly resolver: HostResolver;
    readonly admit: (socket: TLSSocket, mismatch: string | undefined) => void;
  },
): Promise<void> {
  const { certificate, resolver, admit } = context;
  const onError = () => socket.destroy();
  socket.on("error", onError);
  const found = findSanMismatch(certificate, socket.remoteAddress ?? "", resolver);
  // One whose names can't be read is on no host it may be on.
  const mismatch = await found.catch(messageOf);
  socket.off("error", onError);
  if (!socket.destroyed) admit(socket, mismatch);
}

function demandsCertificate(config: TlsConfig): boolean {
  return config.clientCertAuth || config.trustedCaFile !== undefined;
}

function findContradiction(config: TlsConfig): string | undefined {
  const { certFile, keyFile, clientCertFile, clientKeyFile } = config;
  if (certFile === undefined || keyFile === undefined) {
    const files = `key: ${keyFile ?? ""}, cert: ${certFile ?? ""}`;
    return `KeyFile and CertFile must both be present[${files}]`;
  }
  if ((clientCertFile === undefined) !== (clientKeyFile === undefined)) {
    const files = `key: ${clientKeyFile ?? ""}, cert: ${clientCertFile ?? ""}`;
    return `ClientKeyFile and ClientCertFile must both be present or both absent: ${files}]`;
  }
  const { allowedCommonNames: names, allowedHostnames: hosts } = config;
  if (names.length === 0 || hosts.length === 0) return undefined;
  const both = `cns=${goList(names)}, hostnames=${goList(hosts)}`;
  return `AllowedCNs and AllowedHostnames are mutually exclusive (${both})`;
}

function goList(texts: readonly string[]): string {
  return `[${texts.map((text) => JSON.stringify(text)).join(" ")}]`;
}

function readContext(config: TlsConfig): SecureContextOptions {
  const ciphers = opensslCiphers(config.cipherSuites);
  const context: SecureContextOptions = {
    cert: readConfiguredFile(config.certFile!),
    key: readConfiguredFile(config.keyFile!),
    minVersion: nodeVersion(config.minVersion) ?? "TLSv1.2",
    maxVersion: nodeVersion(config.maxVersion) ?? "TLSv1.3",
    ...(config.trustedCaFile === undefined ? {} : { ca: readConfiguredFile(config.trustedCaFile) }),
    ...(ciphers === undefined ? {} : { ciphers }),
  };
  try {
    // A key that doesn't fit is found here rather than in the first handshake.
    createSecureContext(context);
  } catch (cause) {
    // OpenSSL says what is wrong, but not in which file.
    const files = [config.certFile, config.keyFile, config.trustedCaFile].filter(Boolean);
    throw new Error(`${messageOf(cause)} (${files.join(", ")})`, { cause });
  }
  return context;
}

/** Node's name of a protocol version. */
export function nodeVersion(version: TlsVersion | undefined) {
  return version && NODE_VERSIONS[version];
}

function refresh(
  server: Server,
  state: { readonly config: TlsConfig; readonly files: WatchedFiles; readonly logger: Logger },
): void {
  const { config, files, logger } = state;
  try {
    if (files.haveChanged()) server.setSecureContext(readContext(config));
  } catch (error) {
    // While the files are being replaced they may not fit together: the last good ones serve on.
    files.forget();
    logger.warn("failed to reload certificate files, keeping the old ones", {
      "cert-file": config.certFile,
      "key-file": config.keyFile,
      error,
    });
  }
}
