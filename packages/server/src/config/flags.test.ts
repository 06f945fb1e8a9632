import { describe, expect, it } from "vitest";
import { defaultInterface, detectDefaultHost } from "./default-host.js";
import { FlagValues } from "./flag-value.js";
import { flags } from "./flags.js";
import { formatGoDuration, parseGoDuration, parseGoInteger } from "./go-text.js";
import { opensslCiphers, unknownCipherSuite } from "./tls-names.js";

describe("the table of flags", () => {
  it("names each flag and each YAML key once, with a default of its own type", () => {
    const values = new FlagValues();
    for (const flag of flags) expect(() => values.value(flag.name)).not.toThrow();
    const names = flags.map((flag) => flag.name);
    expect(new Set(names).size).toBe(names.length);
    const keys = flags.flatMap((flag) => flag.yaml ?? []);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe("Go's text forms", () => {
  it.each([
    ["0", 0],
    ["1m30s", 90e9],
    ["100ms", 1e8],
    ["1.5h", 5400e9],
    [".5s", 5e8],
    ["-2us", -2000],
    ["3\u00b5s", 3000],
    ["1h2m3s4ms5us6ns", 3723004005006],
  ])("reads the duration %s", (text, nanoseconds) => {
    expect(parseGoDuration(text)).toBe(nanoseconds);
  });
  it.each(["", "5", "s", "1m30", "1x", "1 s", "+", ".s", "9999999h", "1.2.3s", "5constructor"])(
    "refuses the duration %j",
    (text) => {
      expect(parseGoDuration(text)).toBeUndefined();
    },
  );
  it.each([
    [0, "0s"],
    [90e9, "1m30s"],
    [3600e9, "1h0m0s"],
    [1.5e9, "1.5s"],
    [1e8, "100ms"],
    [1500, "1.5\u00b5s"],
    [7, "7ns"],
    [-6e10, "-1m0s"],
  ])("prints %d ns as %s", (nanoseconds, text) => {
    expect(formatGoDuration(nanoseconds)).toBe(text);
  });
  it.each([
    ["0x1F", 31n],
    ["0b101", 5n],
    ["0o17", 15n],
    ["017", 15n],
    ["1_000", 1000n],
    ["-3", -3n],
    ["+0", 0n],
  ])("reads the integer %s", (text, value) => {
    expect(parseGoInteger(text)).toBe(value);
  });
  it.each(["", "08", "1__0", "1_", "0x", "1.0", "1e3", " 1"])("refuses the integer %j", (text) => {
    expect(parseGoInteger(text)).toBeUndefined();
  });
});

describe("cipher suites", () => {
  it("are translated to OpenSSL's names, TLS 1.3 always on", () => {
    const names = ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_RC4_128_SHA"];
    expect(unknownCipherSuite(names)).toBeUndefined();
    expect(unknownCipherSuite(["ECDHE-RSA-AES128-GCM-SHA256"])).toBe("ECDHE-RSA-AES128-GCM-SHA256");
    expect(opensslCiphers(names)).toBe(
      "ECDHE-RSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256",
    );
    expect(opensslCiphers([])).toBeUndefined();
  });
});

describe("the default host", () => {
  it("is on the interface of the best default route", () => {
    const head = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT";
    const route = (name: string, destination: string, metric: number) =>
      `${name}\t${destination}\t0101A8C0\t0003\t0\t0\t${metric}\t${destination === "00000000" ? "00000000" : "00FFFFFF"}\t0\t0\t0`;
    const rows = [
      route("eth0", "00000000", 200),
      route("wlan0", "00000000", 100),
      route("lo", "0000007F", 0),
    ];
    expect(defaultInterface([head, ...rows, ""].join("\n"))).toBe("wlan0");
    expect(defaultInterface(`${head}\n${rows[2]}\n`)).toBeUndefined();
    const host = detectDefaultHost();
    expect(host === undefined || /^\d+\.\d+\.\d+\.\d+$/.test(host)).toBe(true);
  });
});
