import { join, resolve } from "node:path";
import type { Clock, FileSystem } from "@kvorum/base";
import type { TlsConfig } from "../config/config.js";
import type { ListenUrl } from "../config/listen-url.js";
import type { Logger } from "../observe/logger.js";
import { generateCertificate } from "./generate-certificate.js";

export interface AutoTlsOptions {
  readonly config: TlsConfig;
  readonly endpoint: "client" | "peer";
  readonly dataDir: string;
  /** The hosts of these stand in a new certificate. */
  readonly listenUrls: readonly ListenUrl[];
  readonly fs: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
}

const DAY_MS = 86_400_000;
const YEAR_DAYS = 365;

/**
 * What `--auto-tls` or `--peer-auto-tls` makes of the configuration: with it and without certificate
 * files, a generated pair is used, and every other TLS setting but versions and cipher suites is
 * dropped, as by etcd. The pair is made once and stays, even when it has expired:
 *
 *   <data-dir>/fixtures/client/cert.pem, key.pem
 *   <data-dir>/fixtures/peer/cert.pem, key.pem
 *
 * @returns the configuration to use; its `autoTls` says whether the certificate is a generated one
 * @throws Error when the pair can't be made; FileSystem's errors
 */
export async function settleAutoTls(options: AutoTlsOptions): Promise<TlsConfig> {
  const { config, endpoint, dataDir, fs, logger } = options;
  if (!config.autoTls) return config;
  if (config.certFile !== undefined || config.keyFile !== undefined) {
    logger.warn(`ignoring ${endpoint} auto TLS since certs given`);
    return { ...config, autoTls: false };
  }
  if (config.selfSignedValidityYears === 0) {
    const message = "selfSignedCertValidity is invalid,it should be greater than 0";
    logger.warn("cannot generate cert", { error: message });
    throw new Error(message);
  }
  const directory = resolve(dataDir, "fixtures", endpoint);
  const certFile = join(directory, "cert.pem");
  const keyFile = join(directory, "key.pem");
  await fs.makeDirectory(directory);
  const found = await Promise.all([fs.stat(certFile), fs.stat(keyFile)]);
  if (found.includes(undefined)) await makePair(options, { certFile, keyFile });
  return {
    ...config,
    certFile,
    keyFile,
    clientCertFile: certFile,
    clientKeyFile: keyFile,
    trustedCaFile: undefined,
    crlFile: undefined,
    clientCertAuth: false,
    allowedCommonNames: [],
    allowedHostnames: [],
    skipClientSanVerification: false,
  };
}

async function makePair(
  { config, listenUrls, fs, clock, logger }: AutoTlsOptions,
  { certFile, keyFile }: { readonly certFile: string; readonly keyFile: string },
): Promise<void> {
  const nowMs = clock.wallMs();
  const notAfter = new Date(nowMs + config.selfSignedValidityYears * YEAR_DAYS * DAY_MS);
  if (Number.isNaN(notAfter.getTime())) {
    throw new Error(`--self-signed-cert-validity=${config.selfSignedValidityYears} is too long`);
  }
  logger.warn("automatically generate certificates", {
    "certificate-validity-bound-not-after": notAfter.toISOString(),
  });
  const { certificate, key } = await generateCertificate({
    hosts: hostsOf(listenUrls),
    notBefore: new Date(nowMs),
    notAfter,
  });
  await place(fs, certFile, certificate);
  logger.info("created cert file", { path: certFile });
  await place(fs, keyFile, key);
  logger.info("created key file", { path: keyFile });
}

/** In one step: half a file would be taken for a whole one by every later start. */
async function place(fs: FileSystem, path: string, bytes: Buffer): Promise<void> {
  const temporary = `${path}.tmp`;
  await fs.writeFile(temporary, bytes);
  await fs.rename(temporary, path);
}

/** A Unix socket has no host; a certificate for it alone names this machine's usual one. */
function hostsOf(urls: readonly ListenUrl[]): readonly string[] {
  const hosts = urls.filter(({ scheme }) => !scheme.startsWith("unix")).map(({ host }) => host);
  return hosts.length === 0 ? ["localhost"] : [...new Set(hosts)];
}
