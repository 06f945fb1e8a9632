import { SimulatedClock } from "@kvorum/base";
import { describe, expect, it } from "vitest";
import { parseListenUrls } from "../config/listen-url.js";
import { recordingLogger } from "../observe/testing/recording-logger.js";
import { findUrlMismatch } from "./url-mismatch.js";

const HOSTS: Readonly<Record<string, string>> = {
  "a.example": "10.0.0.1",
  "b.example": "10.0.0.1",
  "c.example": "fd00::1",
};

function urlsOf(text: string) {
  const parsed = parseListenUrls(text === "" ? [] : text.split(","));
  if (parsed.kind === "error") throw new Error(parsed.message);
  return parsed.value;
}

/** @returns what is wrong, and which hosts were looked up */
async function compare(left: string, right: string, hosts = HOSTS) {
  const asked: string[] = [];
  const dns = {
    async address(host: string) {
      asked.push(host);
      const found = hosts[host] ?? (/^[\d.]+$|:/.test(host) ? host : undefined);
      if (found === undefined) throw new Error(`lookup ${host}: no such host`);
      return found;
    },
  };
  const clock = new SimulatedClock();
  const logger = recordingLogger();
  const comparing = findUrlMismatch(urlsOf(left), urlsOf(right), { dns, clock, logger });
  await clock.run(60_000);
  return { reason: await comparing, asked, logger };
}

describe("two lists of URLs", () => {
  it.each([
    ["http://a.example:1,http://x:2", "http://x:2,http://a.example:1"],
    ["http://[fd00:0::1]:1", "http://[fd00::1]:1"],
    ["http://[::ffff:10.0.0.1]:1", "http://10.0.0.1:1"],
    ["unix://a:1", "unix://a:1"],
  ])("%s and %s are the same without a question", async (left, right) => {
    expect(await compare(left, right)).toMatchObject({ reason: undefined, asked: [] });
  });

  it.each([
    ["http://a.example:1", "http://10.0.0.1:1"],
    ["https://a.example:1", "https://b.example:1"],
    ["http://[fd00::1]:1,http://a.example:2", "http://b.example:2,http://c.example:1"],
  ])("%s and %s lead to the same addresses", async (left, right) => {
    expect((await compare(left, right)).reason).toBeUndefined();
  });

  it.each([
    ["http://a.example:1", "", 'len(["http://a.example:1"]) != len([])'],
    [
      "http://a.example:1",
      "http://a.example:2",
      'resolved urls: "http://10.0.0.1:1" != "http://10.0.0.1:2"',
    ],
    [
      "http://a.example:1",
      "https://a.example:1",
      'resolved urls: "http://10.0.0.1:1" != "https://10.0.0.1:1"',
    ],
    [
      "http://localhost:1",
      "http://127.0.0.1:1",
      'resolved urls: "http://localhost:1" != "http://127.0.0.1:1"',
    ],
    ["unix://a:1", "unix://b:1", 'resolved urls: "unix://a:1" != "unix://b:1"'],
    [
      "http://a.example:1",
      "http://none.example:1",
      'failed to resolve "http://none.example:1" (lookup none.example: no such host)',
    ],
  ])("%s and %s differ", async (left, right, reason) => {
    expect((await compare(left, right)).reason).toBe(reason);
  });
});

describe("a name service", () => {
  it("is asked again for half a minute", async () => {
    const { asked } = await compare("http://none.example:1", "http://10.0.0.1:1");
    expect(asked).toEqual(Array.from({ length: 31 }, () => "none.example"));
  });

  it("may answer late", async () => {
    const hosts: Record<string, string> = {};
    const waiting = compare("http://late.example:1", "http://10.0.0.1:1", hosts);
    hosts["late.example"] = "10.0.0.1";
    expect(await waiting).toMatchObject({
      reason: undefined,
      asked: ["late.example", "late.example", "10.0.0.1"],
    });
  });
});
