import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
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
  const paths = pathsIn(directory);
  openssl(directory, [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
    ...["-keyout", "ca-key.pem", "-out", "ca.pem", "-days", "30", "-subj", "/CN=lab authority"],
  ]);
  makeCertificate(directory, "infra");
  return paths;
}

/** Makes, or replaces, the certificate. @param name its common name */
export function makeCertificate(directory: string, name: string): void {
  openssl(directory, [
    ...["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
    ...["-keyout", "key-next.pem", "-out", "request.pem", "-subj", `/CN=${name}`],
  ]);
  writeFileSync(join(directory, "names.txt"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
  openssl(directory, [
    ...["x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca-key.pem"],
    ...["-CAcreateserial", "-out", "cert-next.pem", "-days", "30", "-extfile", "names.txt"],
  ]);
  const { cert, key } = pathsIn(directory);
  writeFileSync(key, readFileSync(join(directory, "key-next.pem")));
  writeFileSync(cert, readFileSync(join(directory, "cert-next.pem")));
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

function pathsIn(directory: string): Certificates {
  const at = (name: string) => join(directory, name);
  return { ca: at("ca.pem"), cert: at("cert.pem"), key: at("key.pem") };
}

function openssl(directory: string, args: readonly string[]): void {
  execFileSync("openssl", args, { cwd: directory, stdio: "pipe" });
}
