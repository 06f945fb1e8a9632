import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { findSanMismatch, type HostResolver } from "./san-check.js";

const rawOf = (name: string) => {
  const path = fileURLToPath(new URL(`testdata/${name}.pem`, import.meta.url));
  return new X509Certificate(readFileSync(path)).raw;
};
const resolver = (names: readonly string[], addresses: readonly string[]): HostResolver => ({
  namesOf: async () => names,
  addressesOf: async () => addresses,
});
const NONE = resolver([], []);
const BROKEN: HostResolver = {
  namesOf: () => Promise.reject(new Error("no reverse")),
  addressesOf: () => Promise.reject(new Error("no forward")),
};
const CLIENT_NAMES = '["client.example" "*.wild.example"]';

describe("the names in a peer's certificate", () => {
  it.each([
    ["server", "127.0.0.1", NONE, undefined],
    ["server", "::ffff:127.0.0.1", NONE, undefined],
    ["server", "10.0.0.1", resolver(["localhost."], []), undefined],
    ["server", "10.0.0.1", resolver([], ["10.0.0.1"]), undefined],
    ["server", "10.0.0.1", NONE, 'tls: "10.0.0.1" does not match any of DNSNames ["localhost"]'],
    ["revoked", "10.0.0.1", BROKEN, undefined],
    ["client", "10.0.0.1", resolver(["b.wild.example"], []), undefined],
    ["client", "10.0.0.1", resolver([], ["10.0.0.1"]), undefined],
    [
      "client",
      "10.0.0.1",
      resolver(["wild.example", "client.example.org"], ["10.0.0.2"]),
      `tls: "10.0.0.1" does not match any of DNSNames ${CLIENT_NAMES}`,
    ],
    [
      "client",
      "10.0.0.1",
      BROKEN,
      `tls: "10.0.0.1" does not match any of DNSNames ${CLIENT_NAMES} (no forward)`,
    ],
  ] as const)("%s from %s", async (name, address, names, reason) => {
    expect(await findSanMismatch(rawOf(name), address, names)).toBe(reason);
  });
});
