import type { TLSSocket } from "node:tls";
import { messageOf } from "@kvorum/base";

/** What Go says in place of OpenSSL's reason, so that log lines read as etcd's; by Node's code. */
const GO_TEXTS: Readonly<Record<string, string>> = {
  ERR_SSL_HTTP_REQUEST: "tls: first record does not look like a TLS handshake",
  ERR_SSL_WRONG_VERSION_NUMBER: "tls: first record does not look like a TLS handshake",
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: "tls: client didn't provide a certificate",
  ERR_SSL_UNSUPPORTED_PROTOCOL: "tls: client offered only unsupported versions",
  ERR_SSL_NO_SHARED_CIPHER: "tls: no cipher suite supported by both client and server",
};

/** OpenSSL's errors also say their reason alone, while the message holds addresses and lines. */
interface HandshakeError extends NodeJS.ErrnoException {
  readonly reason?: string;
}

/**
 * Why a client's handshake failed, in one line for the log. Undefined when the client just hung up,
 * as probes and port scanners do.
 */
export function handshakeFailure(error: HandshakeError, socket: TLSSocket): string | undefined {
  // A refused certificate ends the socket without an error of its own; only its reason is kept.
  const refused: unknown = socket.authorizationError;
  if (refused) return messageOf(refused);
  if (error.code === "ECONNRESET") return undefined;
  return GO_TEXTS[error.code ?? ""] ?? (error.reason ? `tls: ${error.reason}` : error.message);
}
