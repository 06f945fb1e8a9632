import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Clock } from "@kvorum/base";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LoggingConfig } from "../config/config.js";
import { createLogger } from "./logger.js";

const START_MS = Date.UTC(2026, 10, 22, 6, 31, 24, 701);

class TestClock implements Clock {
  ms = 0;
  wallMs = () => START_MS + this.ms;
  nowMs = () => this.ms;
  after = () => ({ clear() {} });
  every = () => ({ clear() {} });
  soon = () => {};
}

const JSON_TO_STDERR: LoggingConfig = {
  level: "info",
  format: "json",
  outputs: ["default"],
  rotation: undefined,
};

function collect(config: Partial<LoggingConfig> = {}, clock = new TestClock()) {
  const lines: string[] = [];
  const sink = { write: (line: string) => void lines.push(line), close: () => {} };
  const logger = createLogger({ config: { ...JSON_TO_STDERR, ...config }, clock, sink });
  return { logger, lines, clock };
}

describe("a line of the log", () => {
  it("is etcd's JSON, with the parts in etcd's order", () => {
    const { logger, lines } = collect();
    logger.info("ready to serve client requests", { traffic: "grpc+http", n: 3, id: 5n, on: true });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(
      /^\{"level":"info","ts":"2026-11-22T06:31:24\.701000Z","caller":"observe\/logger\.test\.ts:\d+","msg":"ready to serve client requests","traffic":"grpc\+http","n":3,"id":5,"on":true\}\n$/,
    );
  });

  it("shows the message of an error and hides secrets", () => {
    const { logger, lines } = collect();
    logger.error('said "no"\n', {
      error: new Error("disk full"),
      password: "pw",
      token: "t",
      list: ["a"],
    });
    expect(JSON.parse(lines[0]!)).toMatchObject({
      level: "error",
      msg: 'said "no"\n',
      error: "disk full",
      password: "(hidden)",
      token: "(hidden)",
      list: ["a"],
    });
  });

  it.each([
    ["debug", ["debug", "info", "warn", "error", "fatal"]],
    ["info", ["info", "warn", "error", "fatal"]],
    ["warn", ["warn", "error", "fatal"]],
    ["error", ["error", "fatal"]],
    ["panic", ["fatal"]],
    ["fatal", ["fatal"]],
  ] as const)("at level %s is written for %j", (level, expected) => {
    const { logger, lines } = collect({ level });
    for (const each of ["debug", "info", "warn", "error", "fatal"] as const) logger[each]("m");
    expect(lines.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual(expected);
  });

  it("is thinned when it comes in floods", () => {
    const { logger, lines, clock } = collect();
    for (let i = 0; i < 350; i++) logger.warn("slow", { i });
    expect(lines).toHaveLength(102);
    logger.warn("another");
    expect(lines).toHaveLength(103);
    clock.ms += 1000;
    logger.warn("slow");
    expect(lines).toHaveLength(104);
  });
});

describe("log files", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "kvorum-log-"));
  });
  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  const rotation = {
    maxSizeBytes: 300,
    maxAgeMs: 0,
    maxBackups: 0,
    localTime: false,
    compress: false,
  };

  function fill(config: Partial<LoggingConfig>, clock: TestClock, lines: number): void {
    const logger = createLogger({ config: { ...JSON_TO_STDERR, ...config }, clock });
    for (let i = 0; i < lines; i++) {
      logger.info("x".repeat(120));
      clock.ms += 1500;
    }
    logger.close();
  }

  it("are appended to, also as text for people", () => {
    const path = join(directory, "a.log");
    writeFileSync(path, "old\n");
    const config = { outputs: [path], format: "console" } as const;
    const logger = createLogger({
      config: { ...JSON_TO_STDERR, ...config },
      clock: new TestClock(),
    });
    logger.warn("two\twords", { k: 1 });
    logger.info("bare");
    logger.close();
    expect(readFileSync(path, "utf8")).toMatch(
      /^old\n2026-11-22T06:31:24\.701000Z\twarn\tobserve\/logger\.test\.ts:\d+\ttwo\twords\t\{"k":1\}\n[^\n]*\tbare\n$/,
    );
  });

  it("are rotated by size under lumberjack's names", () => {
    const path = join(directory, "a.log");
    fill({ outputs: [path], rotation }, new TestClock(), 3);
    const names = readdirSync(directory).sort();
    expect(names).toHaveLength(3);
    expect(names).toContain("a.log");
    expect(names[0]).toBe("a-2026-11-22T06-31-26.201.log");
    for (const name of names) expect(readFileSync(join(directory, name)).length).toBeLessThan(301);
  });

  it("are removed by count and by age, and packed", async () => {
    const path = join(directory, "a.log");
    writeFileSync(join(directory, "a-2020-01-01T00-00-00.000.log"), "very old");
    writeFileSync(join(directory, "a-keep.log"), "not a rotated file");
    fill(
      { outputs: [path], rotation: { ...rotation, maxBackups: 2, compress: true } },
      new TestClock(),
      5,
    );
    const rotated = () => readdirSync(directory).filter((name) => /^a-2026.*\.log/.test(name));
    await expect.poll(() => rotated().map((name) => name.endsWith(".gz"))).toEqual([true, true]);
    const packed = rotated();
    expect(gunzipSync(readFileSync(join(directory, packed[0]!))).toString()).toContain(
      '"msg":"xxx',
    );
    expect(readdirSync(directory)).toContain("a-keep.log");
    expect(readdirSync(directory)).not.toContain("a-2020-01-01T00-00-00.000.log");
    const clock = new TestClock();
    clock.ms = 10 * 86_400_000;
    fill({ outputs: [path], rotation: { ...rotation, maxAgeMs: 86_400_000 } }, clock, 2);
    expect(readdirSync(directory).filter((name) => name.endsWith(".gz"))).toHaveLength(0);
  });

  it("that can't be opened stop the start", () => {
    const config = { ...JSON_TO_STDERR, outputs: [join(directory, "none", "a.log")] };
    expect(() => createLogger({ config, clock: new TestClock() })).toThrow(/ENOENT/);
  });
});
