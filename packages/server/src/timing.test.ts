import { expect, test } from "vitest";
import { electionTicksOf, minLeaseTtlSecondsOf, requestTimeoutMsOf } from "./timing.js";

test("etcd's defaults give etcd's periods", () => {
  const timing = { heartbeatIntervalMs: 100, electionTimeoutMs: 1_000 };
  expect(electionTicksOf(timing)).toBe(10);
  expect(requestTimeoutMsOf(timing)).toBe(7_000);
  expect(minLeaseTtlSecondsOf(timing)).toBe(2);
});

test("an election time-out counts in whole ticks", () => {
  const timing = { heartbeatIntervalMs: 300, electionTimeoutMs: 1_700 };
  expect(electionTicksOf(timing)).toBe(5);
  expect(requestTimeoutMsOf(timing)).toBe(8_000);
  expect(minLeaseTtlSecondsOf(timing)).toBe(3);
});
