import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectionOptions, connect } from "node:tls";
import { SimulatedClock } from "@kvorum/base";
import { nodeClock, nodeFileSystem } from "@kvorum/base/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TlsConfig } from "../config/config.js";
import { parseListenUrls } from "../config/listen-url.js";
import type { LogFields } from "../observe/logger.js";
import { type AutoTlsOptions, settleAutoTls } from "./auto-tls.js";
import { createServerTls } from "./server-tls.js";

const AUTO: TlsConfig = {
  certFile: undefined,
  keyFile: undefined,
  clientCertFile: undefined,
  clientKeyFile: undefined,
  trustedCaFile: "ca.pem",
  crlFile: "list.crl",
  clientCertAuth: true,
  allowedCommonNames: ["someone"],
  allowedHostnames: [],
  skipClientSanVerification: true,
  cipherSuites: [],
  minVersion: "TLS1.3",
  maxVersion: undefined,
  autoTls: true,
  selfSignedValidityYears: 2,
};
const DAY_MS = 86_400_000;

let dataDir: string;
let lines: { level: string; message: string; fields: LogFields | undefined }[];
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "kvorum-auto-tls-"));
  lines = [];
});
afterEach(() => rmSync(dataDir, { recursive: true }));

function settle(config: TlsConfig, urls: readonly string[], more: Partial<AutoTlsOptions> = {}) {
  const parsed = parseListenUrls(urls);
  if (parsed.kind === "error") throw new Error(parsed.message);
  const add = (level: string) => (message: string, fields?: LogFields) =>
    void lines.push({ level, message, fields });
  const [debug, info, warn, error, fatal] = ["debug", "info", "warn", "error", "fatal"].map(add);
  return settleAutoTls({
    config,
    endpoint: "client",
    dataDir,
    listenUrls: parsed.value,
    fs: nodeFileSystem,
    clock: nodeClock,
    logger: { debug: debug!, info: info!, warn: warn!, error: error!, fatal: fatal! },
    ...more,
  });
}

const URLS = ["https://10.1.2.3:2379", "https://[::1]:2379", "https://localhost:1", "unix://s"];

/** What a client finds wrong with the server, or undefined. */
async function shake(config: TlsConfig, options: ConnectionOptions): Promise<string | undefined> {
  const endpoint = "client";
  const logger = { debug() {}, info() {}, warn() {}, error() {}, fatal() {} };
  const tls = createServerTls({ config, logger, endpoint });
  const server = tls.createServer((socket) => socket.end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  try {
    return await new Promise((resolve) => {
      const socket = connect({ host: "127.0.0.1", port, ...options }, () => resolve(undefined));
      socket.once("error", (error) => resolve(error.message));
      socket.resume();
    });
  } finally {
    server.close();
  }
}

describe("a generated certificate", () => {
  it("names the listeners, lives as long as asked and vouches for itself", async () => {
    const clock = new SimulatedClock(Date.UTC(2026, 0, 2, 3, 4, 5));
    const config = await settle(AUTO, URLS, { clock });
    const certFile = join(dataDir, "fixtures", "client", "cert.pem");
    const keyFile = join(dataDir, "fixtures", "client", "key.pem");
    expect(config).toEqual({
      ...AUTO,
      ...{ certFile, keyFile, clientCertFile: certFile, clientKeyFile: keyFile },
      ...{ trustedCaFile: undefined, crlFile: undefined, clientCertAuth: false },
      ...{ allowedCommonNames: [], skipClientSanVerification: false },
    });
    for (const path of [certFile, keyFile]) expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(dataDir, "fixtures")).mode & 0o777).toBe(0o700);
    expect(readFileSync(keyFile, "utf8")).toMatch(/^-----BEGIN EC PRIVATE KEY-----\n/);
    const certificate = new X509Certificate(readFileSync(certFile));
    expect(certificate.subject).toBe("O=etcd");
    expect(certificate.subjectAltName?.split(", ").sort()).toEqual([
      "DNS:localhost",
      "IP Address:0:0:0:0:0:0:0:1",
      "IP Address:10.1.2.3",
    ]);
    expect(certificate.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: "secp521r1" });
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
    expect(Date.parse(certificate.validFrom)).toBe(Date.UTC(2026, 0, 2, 3, 4, 5));
    expect(Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)).toBe(
      2 * 365 * DAY_MS,
    );
    expect(lines).toEqual([
      {
        level: "warn",
        message: "automatically generate certificates",
        fields: { "certificate-validity-bound-not-after": "2028-01-02T03:04:05.000Z" },
      },
      { level: "info", message: "created cert file", fields: { path: certFile } },
      { level: "info", message: "created key file", fields: { path: keyFile } },
    ]);
  });

  it("serves clients that trust it or do not look", async () => {
    const config = await settle({ ...AUTO, minVersion: "TLS1.2" }, ["https://127.0.0.1:0"]);
    expect(await shake(config, { rejectUnauthorized: false })).toBeUndefined();
    expect(await shake(config, { ca: readFileSync(config.certFile!) })).toBeUndefined();
    expect(await shake(config, {})).toBe("self-signed certificate");
  });

  it("is made once, and again when a part of it is missing", async () => {
    const first = await settle(AUTO, URLS);
    const bytes = readFileSync(first.certFile!);
    lines = [];
    expect(await settle(AUTO, ["https://127.0.0.9:1"])).toEqual(first);
    expect(readFileSync(first.certFile!)).toEqual(bytes);
    expect(lines).toEqual([]);
    rmSync(first.keyFile!);
    expect(await settle(AUTO, URLS)).toEqual(first);
    expect(readFileSync(first.certFile!)).not.toEqual(bytes);
  });

  it("is not the one for peers", async () => {
    const { certFile } = await settle(AUTO, URLS, { endpoint: "peer" });
    expect(certFile).toBe(join(dataDir, "fixtures", "peer", "cert.pem"));
  });
});

describe("nothing is generated", () => {
  it("without the flag", async () => {
    const config = { ...AUTO, autoTls: false };
    expect(await settle(config, URLS)).toBe(config);
    expect(() => statSync(join(dataDir, "fixtures"))).toThrow("ENOENT");
  });

  it.each([{ certFile: "a.pem" }, { keyFile: "a.key" }])("beside %j", async (files) => {
    const config = { ...AUTO, ...files };
    expect(await settle(config, URLS)).toEqual({ ...config, autoTls: false });
    expect(lines).toMatchObject([
      { level: "warn", message: "ignoring client auto TLS since certs given" },
    ]);
  });

  it("for no years, or for too many", async () => {
    const none = "selfSignedCertValidity is invalid,it should be greater than 0";
    await expect(settle({ ...AUTO, selfSignedValidityYears: 0 }, URLS)).rejects.toThrow(none);
    await expect(settle({ ...AUTO, selfSignedValidityYears: 2 ** 52 }, URLS)).rejects.toThrow(
      "--self-signed-cert-validity=4503599627370496 is too long",
    );
  });
});
