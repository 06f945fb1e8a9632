import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import type { TlsConfig } from "../config/config.js";
import { normalizeSerial, parseRevokedSerials } from "./revocation-list.js";
import { readConfiguredFile, WatchedFiles } from "./watched-files.js";

const REFUSED = "client certificate authentication failed";

/**
 * The checks of a client's certificate that go beyond its chain: common name, host name, and the
 * revocation list. The chain itself was verified in the handshake.
 */
export class ClientIdentityCheck {
  readonly #config: TlsConfig;
  readonly #crl: WatchedFiles | undefined;
  #revoked: ReadonlySet<string> = new Set();

  constructor(config: TlsConfig) {
    this.#config = config;
    this.#crl = config.crlFile === undefined ? undefined : new WatchedFiles([config.crlFile]);
  }

  /** Why the client may not stay, or undefined. A list that can't be read refuses every client. */
  refusal(socket: TLSSocket): string | undefined {
    const certificate = socket.getPeerCertificate(true);
    // Without a certificate the object is empty, whatever its type says.
    return certificate?.raw === undefined ? undefined : this.refusalOf(certificate);
  }

  /** The same for a certificate at hand, with its chain. */
  refusalOf(certificate: DetailedPeerCertificate): string | undefined {
    if (!this.#isAllowed(certificate)) return REFUSED;
    return this.#revocation(certificate);
  }

  #isAllowed(certificate: DetailedPeerCertificate): boolean {
    const { allowedCommonNames, allowedHostnames } = this.#config;
    if (allowedCommonNames.length > 0) {
      // Several common names stand in an array; like Go's parser, the last one counts.
      const commonName = [certificate.subject?.CN ?? ""].flat().at(-1)!;
      return allowedCommonNames.includes(commonName);
    }
    if (allowedHostnames.length === 0) return true;
    const parsed = new X509Certificate(certificate.raw);
    return allowedHostnames.some((name) =>
      isIP(name) === 0
        ? parsed.checkHost(name, { subject: "never" }) !== undefined
        : parsed.checkIP(name) !== undefined,
    );
  }

  #revocation(leaf: DetailedPeerCertificate): string | undefined {
    if (this.#crl === undefined) return undefined;
    try {
      if (this.#crl.haveChanged()) {
        this.#revoked = parseRevokedSerials(readConfiguredFile(this.#config.crlFile!));
      }
    } catch (error) {
      this.#crl.forget();
      return (error as Error).message;
    }
    for (const certificate of chainOf(leaf)) {
      const serial = normalizeSerial(certificate.serialNumber);
      if (this.#revoked.has(serial)) {
        return `transport: certificate serial ${serial.toLowerCase()} revoked`;
      }
    }
    return undefined;
  }
}

function chainOf(leaf: DetailedPeerCertificate): readonly DetailedPeerCertificate[] {
  const chain = [leaf];
  // The root names itself as its issuer.
  for (let next = leaf.issuerCertificate; next && !chain.includes(next); ) {
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}
