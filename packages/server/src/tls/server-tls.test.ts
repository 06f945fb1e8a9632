import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { type AddressInfo, connect as connectPlain } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectionOptions, connect, type Server } from "node:tls";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TlsConfig } from "../config/config.js";
import { parseListenUrl } from "../config/listen-url.js";
import type { LogFields, Logger } from "../observe/logger.js";
import { recordingLogger } from "../observe/testing/recording-logger.js";
import { usesClientTls, usesMetricsTls } from "./listener-scheme.js";
import { parseRevokedSerials } from "./revocation-list.js";
import { createServerTls } from "./server-tls.js";
import { MUTUAL_TLS, SERVER_TLS, testAuthority, tlsFile } from "./testing/test-tls.js";

interface Line {
  readonly message: string;
  readonly fields: LogFields;
}

function recorder(): { readonly logger: Logger; readonly lines: Line[] } {
  const lines: Line[] = [];
  return {
    logger: recordingLogger((_, message, fields) => lines.push({ message, fields })),
    lines,
  };
}

const open: Server[] = [];
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "kvorum-tls-"));
});
afterEach(() => {
  for (const server of open.splice(0)) server.close();
  rmSync(directory, { recursive: true });
});

async function serve(config: TlsConfig, { logger } = recorder()): Promise<number> {
  const tls = createServerTls({ config, logger, endpoint: "client" });
  const server = tls.createServer((socket) => {
    socket.on("error", () => {});
    socket.end("welcome");
  });
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

interface Visit {
  readonly text: string;
  readonly commonName?: string | readonly string[] | undefined;
  readonly protocol?: string | null;
  readonly cipher?: string;
  readonly alpn?: string | false | null;
}

/** Connects, reads to the end, and tells what was seen; `text` is "refused" for any failure. */
function visit(port: number, options: ConnectionOptions = {}): Promise<Visit> {
  return new Promise((resolve) => {
    const ca = testAuthority();
    const socket = connect({ host: "127.0.0.1", port, ca, ...options });
    let text = "";
    let seen: Omit<Visit, "text"> = {};
    socket.on("secureConnect", () => {
      seen = {
        commonName: socket.getPeerCertificate().subject.CN,
        protocol: socket.getProtocol(),
        cipher: socket.getCipher().standardName,
        alpn: socket.alpnProtocol,
      };
    });
    socket.on("data", (part) => {
      text += part.toString();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve({ ...seen, text: text || "refused" }));
  });
}

function asClient(name: string): ConnectionOptions {
  return { cert: readFileSync(tlsFile(`${name}.pem`)), key: readFileSync(tlsFile(`${name}.key`)) };
}

describe("a TLS listener", () => {
  it("serves its certificate and speaks h2 and http/1.1", async () => {
    const port = await serve(SERVER_TLS);
    const seen = await visit(port, { ALPNProtocols: ["h2"] });
    expect(seen).toMatchObject({ text: "welcome", commonName: "server-one", alpn: "h2" });
    expect((await visit(port, { ALPNProtocols: ["http/1.1"] })).alpn).toBe("http/1.1");
    expect((await visit(port)).protocol).toBe("TLSv1.3");
  });

  it("keeps to its versions and cipher suites", async () => {
    const suite = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256";
    const old = await serve({ ...SERVER_TLS, maxVersion: "TLS1.2", cipherSuites: [suite] });
    expect(await visit(old)).toMatchObject({ protocol: "TLSv1.2", cipher: suite });
    const modern = await serve({ ...SERVER_TLS, minVersion: "TLS1.3" });
    expect((await visit(modern, { maxVersion: "TLSv1.2" })).text).toBe("refused");
    expect((await visit(modern)).text).toBe("welcome");
  });

  it.each([
    [{}, MUTUAL_TLS, "refused"],
    [asClient("client"), MUTUAL_TLS, "welcome"],
    [asClient("stranger"), MUTUAL_TLS, "refused"],
    [{}, { ...SERVER_TLS, trustedCaFile: tlsFile("ca.pem") }, "refused"],
    [asClient("client"), { ...MUTUAL_TLS, allowedCommonNames: ["x", "alice"] }, "welcome"],
    [asClient("revoked"), { ...MUTUAL_TLS, allowedCommonNames: ["alice"] }, "refused"],
    [asClient("client"), { ...MUTUAL_TLS, allowedHostnames: ["x", "client.example"] }, "welcome"],
    [asClient("client"), { ...MUTUAL_TLS, allowedHostnames: ["a.wild.example"] }, "welcome"],
    [asClient("client"), { ...MUTUAL_TLS, allowedHostnames: ["alice"] }, "refused"],
    [asClient("client"), { ...MUTUAL_TLS, crlFile: tlsFile("crl.der") }, "welcome"],
    [asClient("revoked"), { ...MUTUAL_TLS, crlFile: tlsFile("crl.der") }, "refused"],
    [asClient("revoked"), { ...MUTUAL_TLS, crlFile: tlsFile("crl-empty.pem") }, "welcome"],
    [asClient("client"), { ...MUTUAL_TLS, crlFile: tlsFile("ca.pem") }, "refused"],
  ] as const)("decides on a client, case %#", async (client, config, text) => {
    const port = await serve(config);
    expect((await visit(port, { ...client })).text).toBe(text);
  });

  it("says in the log why it refused", async () => {
    const record = recorder();
    const port = await serve({ ...MUTUAL_TLS, crlFile: tlsFile("crl.der") }, record);
    await visit(port, asClient("revoked"));
    await visit(port, asClient("stranger"));
    await expect.poll(() => record.lines.length).toBe(2);
    expect(record.lines[0]).toMatchObject({
      message: "rejected connection on client endpoint",
      fields: { error: "transport: certificate serial ff2002 revoked" },
    });
    expect(record.lines[0]?.fields?.["remote-addr"]).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(record.lines[1]).toMatchObject({
      message: "rejected connection on client endpoint",
      fields: { error: "DEPTH_ZERO_SELF_SIGNED_CERT" },
    });
  });

  it("says in etcd's words why a handshake failed", async () => {
    const record = recorder();
    const port = await serve(MUTUAL_TLS, record);
    const said = async (send: () => Promise<unknown>) => {
      const count = record.lines.length;
      await send();
      await expect.poll(() => record.lines.length).toBe(count + 1);
      return record.lines[count]!.fields?.error;
    };
    const plain = (text: string) => () =>
      new Promise<void>((resolve) => {
        const socket = connectPlain(port, "127.0.0.1", () => socket.write(text));
        socket.on("error", () => {});
        socket.once("close", () => resolve());
      });
    const noTls = "tls: first record does not look like a TLS handshake";
    expect(await said(plain("GET /health HTTP/1.1\r\n\r\n"))).toBe(noTls);
    expect(await said(plain("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))).toBe(noTls);
    expect(await said(() => visit(port))).toBe("tls: client didn't provide a certificate");
    const mismatch = { ...asClient("client"), ciphers: "TLS_AES_128_CCM_SHA256" };
    expect(await said(() => visit(port, mismatch))).toMatch(/^tls: no cipher suite/);
  });
});

describe("changed files", () => {
  function place(name: string, seconds: number): TlsConfig {
    const certFile = join(directory, "cert.pem");
    const keyFile = join(directory, "key.pem");
    copyFileSync(tlsFile(`${name}.pem`), certFile);
    copyFileSync(tlsFile(`${name}.key`), keyFile);
    for (const path of [certFile, keyFile]) utimesSync(path, seconds, seconds);
    return { ...SERVER_TLS, certFile, keyFile };
  }

  it("serve the next connection, with and without a server name", async () => {
    const port = await serve(place("server", 1000));
    expect((await visit(port)).commonName).toBe("server-one");
    place("server-next", 2000);
    expect((await visit(port)).commonName).toBe("server-two");
    expect((await visit(port, { servername: "localhost" })).commonName).toBe("server-two");
  });

  it("that don't fit together leave the old ones in use", async () => {
    const record = recorder();
    const config = place("server", 1000);
    const port = await serve(config, record);
    copyFileSync(tlsFile("server-next.pem"), config.certFile!);
    expect(await visit(port)).toMatchObject({ text: "welcome", commonName: "server-one" });
    expect(record.lines[0]?.message).toMatch(/^failed to reload certificate files/);
    rmSync(config.certFile!);
    expect((await visit(port)).commonName).toBe("server-one");
    place("server-next", 3000);
    expect((await visit(port)).commonName).toBe("server-two");
  });

  it("of revocations apply at once", async () => {
    const crlFile = join(directory, "crl");
    copyFileSync(tlsFile("crl-empty.pem"), crlFile);
    const port = await serve({ ...MUTUAL_TLS, crlFile });
    expect((await visit(port, asClient("revoked"))).text).toBe("welcome");
    copyFileSync(tlsFile("crl.der"), crlFile);
    expect((await visit(port, asClient("revoked"))).text).toBe("refused");
    writeFileSync(crlFile, "broken");
    expect((await visit(port, asClient("client"))).text).toBe("refused");
  });
});

describe("a wrong configuration", () => {
  it.each([
    [
      { keyFile: undefined },
      /^KeyFile and CertFile must both be present\[key: , cert: .*server\.pem\]$/,
    ],
    [{ certFile: "/nope.pem" }, /^open \/nope\.pem: no such file or directory$/],
    [{ keyFile: tlsFile("client.key") }, /key values mismatch.*server\.pem, .*client\.key\)$/],
    [{ certFile: tlsFile("server.key") }, /no start line.*server\.key, .*server\.key\)$/],
    [
      { clientKeyFile: "k" },
      /^ClientKeyFile and ClientCertFile must both be present or both absent: key: k, cert: \]$/,
    ],
    [
      { allowedCommonNames: ["a", "b"], allowedHostnames: ["h"] },
      /^AllowedCNs and AllowedHostnames are mutually exclusive \(cns=\["a" "b"\], hostnames=\["h"\]\)$/,
    ],
  ])("%j stops the start", (change, message) => {
    const { logger } = recorder();
    const config = { ...SERVER_TLS, ...change };
    expect(() => createServerTls({ config, logger, endpoint: "client" })).toThrow(message);
  });

  it("is told from the scheme", () => {
    const url = (text: string) => {
      const parsed = parseListenUrl(text);
      if (parsed.kind === "error") throw new Error(parsed.message);
      return parsed.value;
    };
    const bare = { ...SERVER_TLS, certFile: undefined, keyFile: undefined };
    const record = recorder();
    expect(usesClientTls(url("https://127.0.0.1:1"), SERVER_TLS, record.logger)).toBe(true);
    expect(usesClientTls(url("http://127.0.0.1:1"), bare, record.logger)).toBe(false);
    expect(record.lines).toHaveLength(0);
    expect(usesClientTls(url("unix:///s"), MUTUAL_TLS, record.logger)).toBe(false);
    expect(record.lines).toHaveLength(2);
    expect(() => usesClientTls(url("https://127.0.0.1:1"), bare, record.logger)).toThrow(
      "TLS key/cert (--cert-file, --key-file) must be provided for client url https://127.0.0.1:1 with HTTPS scheme",
    );
    expect(() => usesMetricsTls(url("https://127.0.0.1:1"), bare)).toThrow(
      "client TLS key/cert (--cert-file, --key-file) must be provided for metrics secure url",
    );
    expect(usesMetricsTls(url("http://127.0.0.1:1"), bare)).toBe(false);
  });
});

describe("a revocation list", () => {
  it("is read from DER and PEM, and nothing else", () => {
    expect([...parseRevokedSerials(readFileSync(tlsFile("crl.der")))]).toEqual(["FF2002"]);
    expect(parseRevokedSerials(readFileSync(tlsFile("crl-empty.pem"))).size).toBe(0);
    const der = readFileSync(tlsFile("crl.der"));
    for (let length = 0; length < der.length; length++) {
      expect(() => parseRevokedSerials(der.subarray(0, length))).toThrow(/malformed/);
    }
    expect(() => parseRevokedSerials(readFileSync(tlsFile("ca.pem")))).toThrow(/malformed/);
  });
});
