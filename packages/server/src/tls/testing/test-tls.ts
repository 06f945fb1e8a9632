import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { TlsConfig } from "../../config/config.js";

/** The path of a file in `testdata`, whose README says who is in it and who vouches for whom. */
export function tlsFile(name: string): string {
  return fileURLToPath(new URL(`../testdata/${name}`, import.meta.url));
}

/** Who vouches for "server" and for the clients. */
export function testAuthority(): Buffer {
  return readFileSync(tlsFile("ca.pem"));
}

/** TLS with the certificate of "server", which asks clients for none. */
export const SERVER_TLS: TlsConfig = {
  certFile: tlsFile("server.pem"),
  keyFile: tlsFile("server.key"),
  clientCertFile: undefined,
  clientKeyFile: undefined,
  trustedCaFile: undefined,
  crlFile: undefined,
  clientCertAuth: false,
  allowedCommonNames: [],
  allowedHostnames: [],
  skipClientSanVerification: false,
  cipherSuites: [],
  minVersion: "TLS1.2",
  maxVersion: undefined,
  autoTls: false,
  selfSignedValidityYears: 1,
};

/** The same, and every client has to show a certificate of the authority. */
export const MUTUAL_TLS: TlsConfig = {
  ...SERVER_TLS,
  trustedCaFile: tlsFile("ca.pem"),
  clientCertAuth: true,
};
