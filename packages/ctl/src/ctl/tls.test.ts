import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { etcdctlEnv, etcdctlVersion, startTestNode, type TestNode } from "../test-node.js";
import { run } from "../test-support.js";
import { kvorumctl } from "./kvorumctl-tool.js";

/** A server whose certificate vouches for itself alone, as --auto-tls makes it. */
let node: TestNode;
let ca: string;
let key: string;
beforeAll(async () => {
  node = await startTestNode("https");
  ca = join(node.directory, "data", "fixtures", "client", "cert.pem");
  key = join(node.directory, "data", "fixtures", "client", "key.pem");
});
afterAll(() => node?.stop());

const QUICK = ["--command-timeout=1s", "--dial-timeout=1s"];
const etcdctl = await etcdctlVersion();
if (etcdctl === undefined) console.log("skipped: no etcdctl on PATH");
const needsEtcdctl = test.skipIf(etcdctl === undefined);

/** What may be said before an endpoint's address, and the flags, that lead to the server. */
const ways: readonly (readonly [string, () => readonly string[]])[] = [
  ["https://", () => ["--insecure-skip-tls-verify"]],
  ["https://", () => ["--insecure-skip-tls-verify", "--insecure-transport=false"]],
  ["https://", () => [`--cacert=${ca}`]],
  ["", () => [`--cacert=${ca}`]],
  ["", () => ["--insecure-skip-tls-verify"]],
  ["", () => ["--insecure-transport=false", "--insecure-skip-tls-verify"]],
  ["https://", () => [`--cacert=${ca}`, `--cert=${ca}`, `--key=${key}`]],
];
/** The same, and why not. */
const refusals: readonly (readonly [string, () => readonly string[], string])[] = [
  ["https://", () => [], "self-signed certificate"],
  ["", () => ["--insecure-transport=false"], "self-signed certificate"],
  ["http://", () => [`--cacert=${ca}`], "context deadline exceeded"],
  ["", () => [], "context deadline exceeded"],
];

describe("a server with a certificate of its own making", () => {
  test.each(ways)("is reached at %s", async (scheme, flags) => {
    const endpoint = `--endpoints=${scheme}${node.endpoint}`;
    const ran = await run(kvorumctl, [endpoint, ...flags(), "put", "a", "b"]);
    expect(ran).toMatchObject({ code: 0, out: "OK\n" });
  });

  test.each(refusals)("is not trusted, or not understood, at %s", async (scheme, flags, reason) => {
    const endpoint = `--endpoints=${scheme}${node.endpoint}`;
    const ran = await run(kvorumctl, [endpoint, ...QUICK, ...flags(), "put", "a", "b"]);
    expect(ran.code).toBe(1);
    expect(ran.err).toContain(reason);
  });

  needsEtcdctl("is reached by etcdctl", async () => {
    for (const flags of [
      // Older releases verify nothing and encrypt nothing without the second one.
      ["--insecure-skip-tls-verify", "--insecure-transport=false"],
      [`--cacert=${ca}`],
    ]) {
      const words = [`--endpoints=https://${node.endpoint}`, ...flags, "put", "a", "b"];
      const { stdout } = await promisify(execFile)("etcdctl", words, { env: etcdctlEnv() });
      expect(stdout).toBe("OK\n");
    }
  });
});

describe("files that can't be used", () => {
  const put = async (...flags: string[]) => {
    const words = [`--endpoints=https://${node.endpoint}`, ...QUICK, ...flags, "put", "a", "b"];
    const { code, err } = await run(kvorumctl, words);
    return { code, error: err.trimEnd().split("\n").at(-1) };
  };

  test("are named before anything is sent", async () => {
    const text = join(node.directory, "text.pem");
    await writeFile(text, "nothing");
    const other = join(node.directory, "other.pem");
    await writeFile(other, OTHER_KEY);
    expect(await put("--cacert=none.pem")).toEqual({
      code: 128,
      error: "Error: open none.pem: no such file or directory",
    });
    expect(await put(`--cert=${ca}`)).toEqual({
      code: 128,
      error: `Error: KeyFile and CertFile must both be present[key: , cert: ${ca}]`,
    });
    expect(await put(`--cert=${text}`, `--key=${key}`)).toEqual({
      code: 128,
      error: "Error: tls: failed to find any PEM data in certificate input",
    });
    expect(await put(`--cert=${ca}`, `--key=${text}`)).toEqual({
      code: 128,
      error: "Error: tls: failed to find any PEM data in key input",
    });
    expect(await put(`--cert=${ca}`, `--key=${other}`)).toEqual({
      code: 128,
      error: "Error: tls: private key does not match public key",
    });
    expect(await readFile(key, "utf8")).toContain("EC PRIVATE KEY");
  });
});

const OTHER_KEY = generateKey();

function generateKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}
