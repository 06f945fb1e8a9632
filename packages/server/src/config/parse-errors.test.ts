import { describe, expect, it } from "vitest";
import { type ParseInput, type ParseResult, parseConfig } from "./parse-config.js";
import { usageErrorCases, verifyErrorCases } from "./testing/parse-error-cases.js";

function parse(argv: readonly string[], rest: Partial<ParseInput> = {}): ParseResult {
  const readFile = (path: string) => {
    throw Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" });
  };
  return parseConfig({ argv, env: {}, readFile, ...rest });
}

function verifyErrorOf(result: ParseResult): unknown {
  if (result.kind !== "error") throw new Error(`parsed: ${result.kind}`);
  expect(result.exitCode).toBe(1);
  return result.notices.find((n) => n.message === "failed to verify flags")?.fields?.error;
}

function startErrorOf(result: ParseResult): unknown {
  if (result.kind !== "error") throw new Error(`parsed: ${result.kind}`);
  expect(result.exitCode).toBe(1);
  const last = result.notices.at(-1);
  expect([last?.level, last?.message]).toEqual(["fatal", "discovery failed"]);
  return last?.fields?.error;
}

describe("usage errors end with status 2 and the usage", () => {
  it.each(usageErrorCases)("%j", (argv, message) => {
    const result = parse(argv);
    expect(result).toMatchObject({ kind: "error", exitCode: 2, notices: [] });
    if (result.kind !== "error") return;
    expect(result.lines[0]).toBe(message);
    expect(result.lines[1]).toMatch(/^Usage:/);
  });

  it("an unknown log level ends with status 2, as etcd's panic does", () => {
    const result = parse(["--log-level=x"]);
    expect(result).toMatchObject({
      kind: "error",
      exitCode: 2,
      lines: ['unrecognized level: "x"'],
    });
  });

  it("does not show the value of a secret", () => {
    expect(JSON.stringify(parse(["--discovery-password=pw1", "x"]))).not.toContain("pw1");
    expect(JSON.stringify(parse(["--discovery-user", "u:pw2"]))).not.toContain("pw2");
    expect(JSON.stringify(parse([], { env: { ETCD_DISCOVERY_PASSWORD: "pw3" } }))).not.toContain(
      "pw3",
    );
  });
});

describe("errors of the checks end with status 1", () => {
  it.each(["info", "warn", "error", "fatal"])("are told at --log-level %s, too", (level) => {
    const result = parse([`--log-level=${level}`, "--listen-client-urls=http://127.0.0.1:1"]);
    if (result.kind !== "error") throw new Error(`parsed: ${result.kind}`);
    const told = result.notices.find(({ message }) => message === "failed to verify flags");
    expect(told?.level).toBe(level === "info" || level === "warn" ? "warn" : "fatal");
    expect(result.logging.level).toBe(level);
  });

  it.each(verifyErrorCases)("%j", (argv, message) => {
    expect(verifyErrorOf(parse(argv))).toBe(message);
  });

  it("a cipher suite that Go does not know fails the start", () => {
    expect(startErrorOf(parse(["--cipher-suites=x"]))).toBe('unexpected TLS cipher suite "x"');
  });

  it.each([
    [["--memory-mlock"], /^--memory-mlock is not supported/],
    [["--enable-distributed-tracing=true"], /^--enable-distributed-tracing is not supported/],
    [
      ["--feature-gates=AllAlpha=true,LeaseCheckpoint=false,LeaseCheckpointPersist=false"],
      /^feature gate PriorityRequest is not supported/,
    ],
  ] as const)("%j is refused, because it is not built", (argv, message) => {
    expect(verifyErrorOf(parse(argv))).toMatch(message);
  });

  it("accepts an unbuilt flag at its default", () => {
    const argv = ["--memory-mlock=false", "--distributed-tracing-address", "localhost:4317"];
    expect(parse(argv).kind).toBe("run");
  });

  it("adds the second line about missing advertise URLs", () => {
    const result = parse(["--listen-client-urls=http://127.0.0.1:1"]);
    expect(result.kind === "error" && result.notices.at(-1)?.message).toBe(
      "advertise client URLs are not set",
    );
  });
});
