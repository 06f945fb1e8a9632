import { generateKeyPairSync, randomBytes } from "node:crypto";
import { SimulatedClock } from "@kvorum/base";
import { describe, expect, test } from "vitest";
import { recordingLogger } from "../../observe/testing/recording-logger.js";
import { JwtTokens } from "./jwt-tokens.js";
import { readTokenSpec } from "./token-spec.js";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const keysOf = {
  RS: rsa,
  PS: rsa,
  ES256: generateKeyPairSync("ec", { namedCurve: "P-256" }),
  ES384: generateKeyPairSync("ec", { namedCurve: "P-384" }),
  ES512: generateKeyPairSync("ec", { namedCurve: "P-521" }),
  EdDSA: generateKeyPairSync("ed25519"),
};
type Pair = typeof rsa;

const files = new Map<string, Buffer>([["secret", randomBytes(64)]]);
for (const [name, pair] of Object.entries(keysOf)) {
  const { privateKey, publicKey } = pair as Pair;
  files.set(`${name}.priv`, Buffer.from(privateKey.export({ type: "pkcs8", format: "pem" })));
  files.set(`${name}.pub`, Buffer.from(publicKey.export({ type: "spki", format: "pem" })));
}
files.set("rsa.pkcs1", Buffer.from(rsa.privateKey.export({ type: "pkcs1", format: "pem" })));

function read(text: string) {
  return readTokenSpec(text, {
    ttlSeconds: 300,
    logger: recordingLogger(),
    readFile(path) {
      const file = files.get(path);
      if (file === undefined) throw new Error(`open ${path}: no such file or directory`);
      return file;
    },
  });
}

function jwt(text: string): JwtTokens {
  const spec = read(text);
  if (spec.kind !== "jwt") throw new Error("no jwt");
  return new JwtTokens(spec.options, { clock: new SimulatedClock(), logger: recordingLogger() });
}

async function issue(tokens: JwtTokens): Promise<string> {
  const token = tokens.issue({ username: "ann", revision: 7 });
  return typeof token === "string" ? token : token();
}

test("simple tokens, and none at all", () => {
  expect(read("simple")).toEqual({ kind: "simple", ttlSeconds: 300 });
  expect(read("")).toEqual({ kind: "none" });
});

describe("signed tokens", () => {
  const filesOf = (method: string): string => {
    if (method.startsWith("HS")) return "priv-key=secret";
    const name = method.startsWith("RS") || method.startsWith("PS") ? method.slice(0, 2) : method;
    return `pub-key=${name}.pub,priv-key=${name}.priv`;
  };
  const sizes = ["256", "384", "512"];
  const methods = ["RS", "PS", "ES", "HS"].flatMap((kind) => sizes.map((size) => kind + size));

  test.each([...methods, "EdDSA"])("are made and checked with %s", async (method) => {
    const tokens = jwt(`jwt,sign-method=${method},${filesOf(method)},ttl=90s`);
    const token = await issue(tokens);
    const [head, body] = token.split(".").map((part) => Buffer.from(part, "base64url").toString());
    expect(JSON.parse(head!)).toEqual({ alg: method, typ: "JWT" });
    expect(JSON.parse(body!)).toMatchObject({ username: "ann", revision: 7 });
    expect(await tokens.holder(token)).toEqual({ username: "ann", revision: 7 });
    expect(tokens.holder(token), "the second time without waiting").toEqual({
      username: "ann",
      revision: 7,
    });
    expect(await tokens.holder(`${token.slice(0, -6)}AAAAAA`)).toBeUndefined();
  });

  test("a public key alone checks and doesn't sign", async () => {
    const token = await issue(jwt("jwt,sign-method=RS256,priv-key=rsa.pkcs1"));
    const verifying = jwt("jwt,sign-method=RS256,pub-key=RS.pub");
    expect(await verifying.holder(token)).toMatchObject({ username: "ann" });
    expect(() => verifying.issue({ username: "ann", revision: 1 })).toThrow(
      "auth: token signing attempted with verify-only key",
    );
  });

  test("a token of another method is refused", async () => {
    const token = await issue(jwt("jwt,sign-method=RS256,priv-key=RS.priv"));
    expect(await jwt("jwt,sign-method=RS512,pub-key=RS.pub").holder(token)).toBeUndefined();
  });

  test("a token expires", async () => {
    const clock = new SimulatedClock();
    const spec = read("jwt,sign-method=EdDSA,priv-key=EdDSA.priv,ttl=10s");
    if (spec.kind !== "jwt") throw new Error("no jwt");
    const tokens = new JwtTokens(spec.options, { clock, logger: recordingLogger() });
    const token = await issue(tokens);
    expect(await tokens.holder(token)).toBeDefined();
    clock.advance(11_000);
    expect(await tokens.holder(token)).toBeUndefined();
    expect(await tokens.holder(token), "and is checked anew").toBeUndefined();
  });
});

test.each([
  ["other", "auth: invalid auth options"],
  ["simple,x", "auth: invalid auth options"],
  ["jwt", "auth: invalid auth signature method"],
  ["jwt,sign-method=RS256,sign-method=RS256", "auth: invalid auth options"],
  ["jwt,sign-method=XX", "auth: invalid auth signature method"],
  ["jwt,sign-method=RS256", "auth: missing key data"],
  ["jwt,sign-method=HS256,pub-key=RS.pub", "auth: missing key data"],
  ["jwt,sign-method=RS256,pub-key=gone", "open gone: no such file or directory"],
  ["jwt,sign-method=RS256,pub-key=ES256.pub", "key is of type ec, not rsa"],
  ["jwt,sign-method=RS256,priv-key=RS.priv,ttl=soon", "time: invalid duration soon"],
])("--auth-token=%s is refused: %s", (text, reason) => {
  expect(() => read(text)).toThrow(reason);
});

test("keys that don't belong together are refused", () => {
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  files.set("other.pub", Buffer.from(publicKey.export({ type: "spki", format: "pem" })));
  expect(() => read("jwt,sign-method=RS256,priv-key=RS.priv,pub-key=other.pub")).toThrow(
    "auth: public and private keys don't match",
  );
});
