import type { TlsConfig } from "../config/config.js";
import type { ListenUrl } from "../config/listen-url.js";
import type { Logger } from "../observe/logger.js";

/**
 * Whether the client listener at `url` is to use TLS, which its scheme says; warns where the scheme
 * leaves certificates unused.
 * @throws Error with etcd's message when TLS is wanted and there is no certificate
 */
export function usesClientTls(url: ListenUrl, config: TlsConfig, logger: Logger): boolean {
  const hasFiles = config.certFile !== undefined || config.keyFile !== undefined;
  if (url.scheme === "https" || url.scheme === "unixs") {
    if (hasFiles) return true;
    const what = `client url ${url.href} with HTTPS scheme`;
    throw new Error(`TLS key/cert (--cert-file, --key-file) must be provided for ${what}`);
  }
  const fields = { "client-url": url.href };
  if (hasFiles) {
    const ignored = "ignoring key and cert files";
    logger.warn(`scheme is http or unix while key and cert files are present; ${ignored}`, fields);
  }
  if (config.clientCertAuth) {
    const ignored = "ignoring client cert auth for this URL";
    logger.warn(`scheme is http or unix while --client-cert-auth is enabled; ${ignored}`, fields);
  }
  return false;
}

/** The same for one of --listen-peer-urls. @throws Error with etcd's message */
export function usesPeerTls(url: ListenUrl, config: TlsConfig, logger: Logger): boolean {
  const hasFiles = config.certFile !== undefined || config.keyFile !== undefined;
  if (url.scheme === "https" || url.scheme === "unixs") {
    if (hasFiles) return true;
    const missing = "KeyFile and CertFile are not presented";
    throw new Error(`cannot listen on TLS for ${url.host}:${url.port}: ${missing}`);
  }
  const fields = { "peer-url": url.href };
  if (hasFiles) {
    const ignored = "ignoring key and cert files";
    logger.warn(`scheme is HTTP while key and cert files are present; ${ignored}`, fields);
  }
  if (config.clientCertAuth) {
    const ignored = "ignoring client cert auth for this URL";
    logger.warn(`scheme is HTTP while --peer-client-cert-auth is enabled; ${ignored}`, fields);
  }
  return false;
}

/** The same for one of --listen-metrics-urls. @throws Error with etcd's message */
export function usesMetricsTls(url: ListenUrl, config: TlsConfig): boolean {
  if (url.scheme !== "https" && url.scheme !== "unixs") return false;
  if (config.certFile !== undefined || config.keyFile !== undefined) return true;
  throw new Error(
    "client TLS key/cert (--cert-file, --key-file) must be provided for metrics secure url",
  );
}
