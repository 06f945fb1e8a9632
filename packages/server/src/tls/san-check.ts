import { X509Certificate } from "node:crypto";
import { lookup, reverse } from "node:dns/promises";

/** The name service as the check needs it. */
export interface HostResolver {
  /** Names of an address. */
  namesOf(address: string): Promise<readonly string[]>;
  /** Addresses of a name. */
  addressesOf(name: string): Promise<readonly string[]>;
}

/** The machine's name service. */
export const systemResolver: HostResolver = {
  namesOf: (address) => reverse(address),
  addressesOf: async (name) => {
    const found = await lookup(name, { all: true });
    return found.map(({ address }) => address);
  },
};

/**
 * Whether a peer calls from a host that its certificate names: an IP address of the certificate, or
 * one of its DNS names that resolves to the caller's address or back from it. A certificate without
 * such names passes. Source: etcd's checkCertSAN.
 * @param raw the certificate in DER
 * @param remoteAddress of the connection
 * @returns why the caller may not stay, with etcd's text
 */
export async function findSanMismatch(
  raw: Buffer,
  remoteAddress: string,
  resolver: HostResolver = systemResolver,
): Promise<string | undefined> {
  const certificate = new X509Certificate(raw);
  const address = remoteAddress.replace(/^::ffff:(?=\d+\.)/, "").replace(/%.*$/, "");
  const { ips, dnsNames } = namesIn(certificate);
  if (ips.length === 0 && dnsNames.length === 0) return undefined;
  if (ips.length > 0) {
    if (certificate.checkIP(address) !== undefined) return undefined;
    if (dnsNames.length === 0) {
      return `x509: certificate is valid for ${ips.join(", ")}, not ${address}`;
    }
  }
  const found = await isAmong(dnsNames, address, resolver);
  if (found === true) return undefined;
  const names = dnsNames.map((name) => JSON.stringify(name)).join(" ");
  const detail = found === undefined ? "" : ` (${found})`;
  return `tls: ${JSON.stringify(address)} does not match any of DNSNames [${names}]${detail}`;
}

/**
 * Node shows them as `DNS:a.example, IP Address:127.0.0.1`, and anything with a comma or a quote in
 * it as a JSON string. The expression takes name after name, so that none is found inside another.
 */
const SAN_NAME = /(?:, )?([^:,"]+):("(?:[^"\\]|\\.)*"|[^,]*)/gy;

function namesIn({ subjectAltName = "" }: X509Certificate) {
  const ips: string[] = [];
  const dnsNames: string[] = [];
  for (const [, kind, text = ""] of subjectAltName.matchAll(SAN_NAME)) {
    const name = text.startsWith('"') ? String(JSON.parse(text)) : text;
    if (kind === "DNS") dnsNames.push(name);
    else if (kind === "IP Address") ips.push(name);
  }
  return { ips, dnsNames };
}

/** True, or the last problem of the name service, or undefined for a plain no. */
async function isAmong(
  dnsNames: readonly string[],
  address: string,
  resolver: HostResolver,
): Promise<true | string | undefined> {
  const wildcards = dnsNames.filter((name) => name.startsWith("*.")).map((name) => name.slice(1));
  const names = dnsNames.filter((name) => !name.startsWith("*."));
  let problem: string | undefined;
  try {
    for (const found of await resolver.namesOf(address)) {
      const name = found.replace(/\.$/, "");
      if (wildcards.some((suffix) => name.endsWith(suffix)) || names.includes(name)) return true;
    }
  } catch (error) {
    problem = (error as Error).message;
  }
  for (const name of names) {
    try {
      if ((await resolver.addressesOf(name)).includes(address)) return true;
    } catch (error) {
      problem = (error as Error).message;
    }
  }
  return problem;
}
