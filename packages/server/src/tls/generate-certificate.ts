import { createHash, KeyObject, randomBytes, webcrypto } from "node:crypto";
import { isIP } from "node:net";

/** A certificate that vouches for itself, with its key; both in PEM. */
export interface GeneratedCertificate {
  readonly certificate: Buffer;
  /** In the form of RFC 5915 ("EC PRIVATE KEY"), which etcd reads too. */
  readonly key: Buffer;
}

export interface CertificateRequest {
  /** IP addresses and DNS names it is valid for; at least one. */
  readonly hosts: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-521", hash: "SHA-512" } as const;
const SERIAL_BYTES = 16;

/**
 * Makes a certificate like those of etcd's transport.SelfCert: ECDSA on P-521, signed by itself, of
 * the organisation "etcd", an authority for server certificates. The library for it is loaded here
 * and not before, so that a start without generated certificates does not pay for it.
 */
export async function generateCertificate(
  request: CertificateRequest,
): Promise<GeneratedCertificate> {
  // The library's dependency injection needs it in place first.
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const usages = x509.KeyUsageFlags;
  const names = request.hosts.map((host): { type: "ip" | "dns"; value: string } => ({
    type: isIP(host) === 0 ? "dns" : "ip",
    value: host,
  }));
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ O: ["etcd"] }],
    notBefore: request.notBefore,
    notAfter: request.notAfter,
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.KeyUsagesExtension(
        usages.digitalSignature | usages.keyEncipherment | usages.cRLSign,
        true,
      ),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.SubjectKeyIdentifierExtension(keyIdentifier(keys.publicKey)),
      new x509.SubjectAlternativeNameExtension(names),
    ],
  });
  const key = KeyObject.from(keys.privateKey).export({ type: "sec1", format: "pem" });
  return { certificate: Buffer.from(`${certificate.toString("pem")}\n`), key: Buffer.from(key) };
}

/** Hexadecimal, positive, without a leading zero byte. */
function serialNumber(): string {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return bytes.toString("hex");
}

/** A hash of the key, in hexadecimal (RFC 5280, section 4.2.1.2, leaves its form open). */
function keyIdentifier(key: webcrypto.CryptoKey): string {
  const bytes = KeyObject.from(key).export({ type: "spki", format: "der" });
  return createHash("sha256").update(bytes).digest("hex").slice(0, 40);
}
