import {
  type ConnectionOptions,
  checkServerIdentity,
  type DetailedPeerCertificate,
} from "node:tls";
import type { TlsConfig } from "../config/config.js";
import { opensslCiphers } from "../config/tls-names.js";
import { ClientIdentityCheck } from "./client-identity.js";
import { nodeVersion } from "./server-tls.js";
import { readConfiguredFile, WatchedFiles } from "./watched-files.js";

/** What a member needs to call others over TLS. */
export interface DialTls {
  /** For one connection, with the certificates as they are on disk. @throws Error when unreadable */
  options(): ConnectionOptions;
}

/**
 * Prepares the calling side of TLS between members: it presents the client certificate, or else the
 * server's, and verifies the far end against the CA file, or else against the system's authorities;
 * common name, host name and revocation are checked as for clients. Certificates that
 * `--peer-auto-tls` made are signed by themselves, so with it nothing is verified.
 * @throws Error when files are missing, with etcd's message where it has one
 */
export function createDialTls(config: TlsConfig): DialTls {
  const certFile = config.clientCertFile ?? config.certFile;
  const keyFile = config.clientKeyFile ?? config.keyFile;
  const files = new WatchedFiles([certFile, keyFile, config.trustedCaFile]);
  const identity = new ClientIdentityCheck(config);
  const ciphers = opensslCiphers(config.cipherSuites);
  const fixed: ConnectionOptions = {
    ALPNProtocols: ["http/1.1"],
    minVersion: nodeVersion(config.minVersion) ?? "TLSv1.2",
    maxVersion: nodeVersion(config.maxVersion) ?? "TLSv1.3",
    rejectUnauthorized: !config.autoTls,
    checkServerIdentity(host, certificate) {
      const mismatch = checkServerIdentity(host, certificate);
      if (mismatch !== undefined) return mismatch;
      // Node hands over the whole chain, whatever the type says.
      const reason = identity.refusalOf(certificate as DetailedPeerCertificate);
      return reason === undefined ? undefined : new Error(reason);
    },
    ...(ciphers === undefined ? {} : { ciphers }),
  };
  const read = (): ConnectionOptions => ({
    ...fixed,
    ...(certFile === undefined ? {} : { cert: readConfiguredFile(certFile) }),
    ...(keyFile === undefined ? {} : { key: readConfiguredFile(keyFile) }),
    ...(config.trustedCaFile === undefined ? {} : { ca: readConfiguredFile(config.trustedCaFile) }),
  });
  let current = read();
  files.haveChanged();
  return {
    options() {
      if (files.haveChanged()) {
        try {
          current = read();
        } catch (error) {
          files.forget();
          throw error;
        }
      }
      return current;
    },
  };
}
