import { execFileSync } from "node:child_process";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ChannelCredentials, credentials } from "@grpc/grpc-js";
import { findOnPath } from "./processes.js";

/** One authority and one certificate of it, which servers, peers and clients share. */
export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Why certificates can't be made here; undefined: they can. */
export function whyNoCertificates(): string | undefined {
  return findOnPath("openssl") === undefined ? "no openssl on PATH" : undefined;
}

/** Makes ca.pem, and cert.pem with key.pem for 127.0.0.1, in `directory`, as docs/cluster-lab.md does. */
export function makeCertificates(directory: string): Certificates {
  openssl(directory, [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
    ...["-keyout", "ca-key.pem", "-out", "ca.pem", "-days", "30", "-subj", "/CN=lab authority"],
  ]);
  writeFileSync(join(directory, "ca.cnf"), AUTHORITY);
  writeFileSync(join(directory, "issued.txt"), "");
  return makeCertificate(directory, "infra");
}

export interface CertificateOptions {
  /** How its files are called. Default: cert.pem and key.pem. */
  readonly suffix?: string;
  /** Default: 30 days from now. Whole seconds count. */
  readonly validUntil?: Date;
}

/** What `openssl ca` wants to know; it alone can make one that is valid for less than a day. */
const AUTHORITY = `[ca]
default_ca = authority
[authority]
database = issued.txt
new_certs_dir = .
rand_serial = yes
unique_subject = no
default_md = sha256
policy = policy
[policy]
commonName = supplied
`;
const DAY_MS = 86_400_000;

/** Makes, or replaces, the certificate. @param name its common name */
export function makeCertificate(
  directory: string,
  name: string,
  options: CertificateOptions = {},
): Certificates {
  const { suffix = "", validUntil = new Date(Date.now() + 30 * DAY_MS) } = options;
  openssl(directory, [
    ...["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
    ...["-keyout", "key-next.pem", "-out", "request.pem", "-subj", `/CN=${name}`],
  ]);
  writeFileSync(join(directory, "names.txt"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
  openssl(directory, [
    ...["ca", "-batch", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca-key.pem"],
    ...["-in", "request.pem", "-out", "cert-next.pem", "-notext", "-extfile", "names.txt"],
    ...["-startdate", opensslDate(new Date(Date.now() - DAY_MS))],
    ...["-enddate", opensslDate(validUntil)],
  ]);
  const paths = pathsIn(directory, suffix);
  renameSync(join(directory, "key-next.pem"), paths.key);
  renameSync(join(directory, "cert-next.pem"), paths.cert);
  return paths;
}

/** Flags that demand certificates of this authority from clients and peers. */
export function tlsArgs({ ca, cert, key }: Certificates): string[] {
  return [
    ...["--cert-file", cert, "--key-file", key, "--trusted-ca-file", ca, "--client-cert-auth"],
    ...["--peer-cert-file", cert, "--peer-key-file", key, "--peer-trusted-ca-file", ca],
    "--peer-client-cert-auth",
  ];
}

export function channelOf({ ca, cert, key }: Certificates): ChannelCredentials {
  return credentials.createSsl(readFileSync(ca), readFileSync(key), readFileSync(cert));
}

/** For servers whose certificate nobody vouches for. */
export function unverifiedChannel(): ChannelCredentials {
  return credentials.createSsl(null, null, null, { rejectUnauthorized: false });
}

function pathsIn(directory: string, suffix: string): Certificates {
  const at = (name: string) => join(directory, name);
  return { ca: at("ca.pem"), cert: at(`cert${suffix}.pem`), key: at(`key${suffix}.pem`) };
}

/** YYYYMMDDHHMMSSZ */
function opensslDate(date: Date): string {
  return `${date.toISOString().replace(/\D/g, "").slice(0, 14)}Z`;
}

function openssl(directory: string, args: readonly string[]): void {
  execFileSync("openssl", args, { cwd: directory, stdio: "pipe" });
}
