import { KeyObject, webcrypto } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { nodeClock } from "@kvorum/base/node";
import type { TlsOptions } from "../wire/transport.js";

/** How the servers of one comparison prove who they are, and how the load generator checks it. */
export interface Identity {
  /** For every server, etcd's flags: certificates towards clients, and towards peers both ways. */
  readonly serverArgs: readonly string[];
  readonly client: TlsOptions;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 24 * 3600 * 1000;

/**
 * Makes a throw-away authority and one certificate of it for 127.0.0.1, as files in `directory`.
 * The authority's key is never written. ECDSA on P-256 is what most clusters use.
 */
export async function makeIdentity(directory: string): Promise<Identity> {
  // The library's dependency injection needs it in place first.
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const nowMs = nodeClock.wallMs();
  const validity = { notBefore: new Date(nowMs - DAY_MS), notAfter: new Date(nowMs + 30 * DAY_MS) };
  const authorityKeys = await generateKeys();
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    name: "CN=kvorum bench authority",
    keys: authorityKeys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    ...validity,
    subject: "CN=kvorum bench",
    issuer: authority.subject,
    publicKey: keys.publicKey,
    signingKey: authorityKeys.privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      new x509.SubjectAlternativeNameExtension([
        { type: "ip", value: "127.0.0.1" },
        { type: "dns", value: "localhost" },
      ]),
    ],
  });
  const pem = KeyObject.from(keys.privateKey).export({ type: "sec1", format: "pem" });
  const [ca, cert, key] = [
    writePem(directory, "ca.pem", authority.toString("pem")),
    writePem(directory, "cert.pem", certificate.toString("pem")),
    writePem(directory, "key.pem", pem.toString()),
  ];
  return {
    serverArgs: [
      ...["--cert-file", cert, "--key-file", key],
      ...["--peer-cert-file", cert, "--peer-key-file", key, "--peer-trusted-ca-file", ca],
      "--peer-client-cert-auth",
    ],
    client: { ca: Buffer.from(authority.toString("pem")) },
  };
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

function writePem(directory: string, name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text.endsWith("\n") ? text : `${text}\n`, { mode: 0o600 });
  return path;
}
