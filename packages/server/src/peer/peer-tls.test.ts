import { copyFileSync, mkdtempSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MessageType } from "@kvorum/raft";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TlsConfig } from "../config/config.js";
import type { LogFields } from "../observe/logger.js";
import { createDialTls } from "../tls/dial-tls.js";
import type { HostResolver } from "../tls/san-check.js";
import { createServerTls } from "../tls/server-tls.js";
import { MUTUAL_TLS, tlsFile } from "../tls/testing/test-tls.js";
import { messageOf } from "./testing/messages.js";
import {
  areConnected,
  type LogLine,
  TestCluster,
  type TestMember,
} from "./testing/test-cluster.js";

const peerFile = (name: string) => fileURLToPath(new URL(`testdata/${name}`, import.meta.url));
/** Clients of that authority have names that no address goes with; servers are for servers only. */
const BASE: TlsConfig = MUTUAL_TLS;
/** As members really are: one certificate for both sides. */
const MEMBER: TlsConfig = {
  ...BASE,
  certFile: peerFile("member.pem"),
  keyFile: peerFile("member.key"),
  trustedCaFile: peerFile("ca.pem"),
};
const as = (name: string) => ({
  clientCertFile: tlsFile(`${name}.pem`),
  clientKeyFile: tlsFile(`${name}.key`),
});
const NO_NAMES: HostResolver = { namesOf: async () => [], addressesOf: async () => [] };

const cluster = new TestCluster();
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "kvorum-peer-tls-"));
});
afterEach(async () => {
  await cluster.stop();
  rmSync(directory, { recursive: true });
});

async function start(
  id: bigint,
  config: {
    readonly server?: TlsConfig;
    readonly dial?: TlsConfig;
    readonly resolver?: HostResolver;
  },
): Promise<TestMember & { readonly tlsLog: LogLine[] }> {
  const tlsLog: LogLine[] = [];
  const write = (message: string, fields?: LogFields) => void tlsLog.push({ message, fields });
  const logger = { debug: write, info: write, warn: write, error: write, fatal: write };
  const serverTls = createServerTls({
    config: config.server ?? BASE,
    logger,
    endpoint: "peer",
    resolver: config.resolver ?? NO_NAMES,
  });
  const dialTls = createDialTls(config.dial ?? config.server ?? BASE);
  return { ...(await cluster.start({ id, serverTls, dialTls })), tlsLog };
}

/** Whether a member that dials like this gets its streams from one with that listener. */
async function isWelcome(server: TlsConfig, dial: TlsConfig, resolver = NO_NAMES) {
  const one = await start(1n, { server, resolver });
  const two = await start(2n, { dial });
  one.transport.addPeer(2n, []);
  two.transport.addPeer(1n, [one.url]);
  const isUp = () => two.transport.connectedSinceMs(1n) !== undefined;
  const isRefused = () => one.tlsLog.length > 0;
  await expect.poll(() => isUp() || isRefused(), { timeout: 5000 }).toBe(true);
  return { isUp: isUp(), reason: one.tlsLog[0]?.fields?.error };
}

describe("members with certificates", () => {
  it("talk over TLS", async () => {
    const one = await start(1n, { server: MEMBER });
    const two = await start(2n, { server: MEMBER });
    cluster.introduce([one, two]);
    await expect.poll(() => areConnected([one, two]), { timeout: 5000 }).toBe(true);
    one.transport.send([messageOf({ type: MessageType.Heartbeat, to: 2n, from: 1n, term: 1 })]);
    await expect.poll(() => two.host.stepped.length).toBe(1);
  });

  it("made by themselves are not verified", async () => {
    const server = {
      ...BASE,
      certFile: tlsFile("stranger.pem"),
      keyFile: tlsFile("stranger.key"),
      trustedCaFile: undefined,
      clientCertAuth: false,
      autoTls: true,
    };
    expect(await isWelcome(server, { ...server })).toMatchObject({ isUp: true });
  });

  it("take up changed ones", async () => {
    const certFile = join(directory, "cert.pem");
    const keyFile = join(directory, "key.pem");
    const place = (name: string, seconds: number) => {
      copyFileSync(tlsFile(`${name}.pem`), certFile);
      copyFileSync(tlsFile(`${name}.key`), keyFile);
      for (const path of [certFile, keyFile]) utimesSync(path, seconds, seconds);
    };
    place("server", 1000);
    const dial = createDialTls({ ...BASE, certFile, keyFile });
    const before = dial.options();
    expect(dial.options()).toBe(before);
    place("server-next", 2000);
    expect(dial.options().cert).not.toEqual(before.cert);
    rmSync(certFile);
    expect(() => dial.options()).toThrow("no such file");
    place("server", 3000);
    expect(dial.options().cert).toEqual(before.cert);
    expect(() => createDialTls({ ...BASE, certFile: join(directory, "none") })).toThrow(
      /^open .*none: no such file or directory$/,
    );
  });
});

describe("a dialing member", () => {
  const skip = { ...BASE, skipClientSanVerification: true };

  it.each([
    ["with the right certificate", skip, { ...BASE, ...as("client") }, undefined],
    ["with a stranger's", skip, { ...BASE, ...as("stranger") }, "DEPTH_ZERO_SELF_SIGNED_CERT"],
    [
      "with another common name",
      { ...skip, allowedCommonNames: ["bob"] },
      { ...BASE, ...as("client") },
      "client certificate authentication failed",
    ],
    [
      "with another host name",
      { ...skip, allowedHostnames: ["other.example"] },
      { ...BASE, ...as("client") },
      "client certificate authentication failed",
    ],
    [
      "with a revoked certificate",
      { ...skip, crlFile: tlsFile("crl.der") },
      { ...BASE, ...as("revoked") },
      "transport: certificate serial ff2002 revoked",
    ],
    ["without names in its certificate", BASE, { ...BASE, ...as("revoked") }, undefined],
    ["from the address in its certificate", MEMBER, MEMBER, undefined],
    [
      "from another address",
      MEMBER,
      {
        ...MEMBER,
        clientCertFile: peerFile("elsewhere.pem"),
        clientKeyFile: peerFile("elsewhere.key"),
      },
      "x509: certificate is valid for 10.9.8.7, not 127.0.0.1",
    ],
    [
      "from a host that its certificate does not name",
      BASE,
      { ...BASE, ...as("client") },
      'tls: "127.0.0.1" does not match any of DNSNames ["client.example" "*.wild.example"]',
    ],
  ])("%s", async (_, server, dial, reason) => {
    expect(await isWelcome(server, dial)).toEqual({ isUp: reason === undefined, reason });
  });

  it("from a host that its certificate names is welcome", async () => {
    const dial = { ...BASE, ...as("client") };
    const forward = { ...NO_NAMES, addressesOf: async () => ["10.0.0.1", "127.0.0.1"] };
    expect(await isWelcome(BASE, dial, forward)).toMatchObject({ isUp: true });
    await cluster.stop();
    const reverse = { ...NO_NAMES, namesOf: async () => ["a.wild.example."] };
    expect(await isWelcome(BASE, dial, reverse)).toMatchObject({ isUp: true });
  });

  it("leaves a listener whose certificate is not to be trusted", async () => {
    for (const change of [
      { trustedCaFile: tlsFile("stranger.pem") },
      { allowedCommonNames: ["someone-else"] },
      { trustedCaFile: undefined },
    ]) {
      const one = await start(1n, {});
      const two = await start(2n, { dial: { ...BASE, ...change } });
      one.transport.addPeer(2n, []);
      two.transport.addPeer(1n, [one.url]);
      const dialed = () =>
        one.tlsLog.length > 0 || two.transport.connectedSinceMs(1n) !== undefined;
      await expect.poll(dialed, { timeout: 500 }).toBe(false);
      expect(two.transport.connectedSinceMs(1n)).toBeUndefined();
      await cluster.stop();
    }
  });
});
