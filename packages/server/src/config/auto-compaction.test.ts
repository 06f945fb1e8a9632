import { describe, expect, it } from "vitest";
import { readAutoCompaction } from "./auto-compaction.js";

describe("--auto-compaction-retention", () => {
  it.each([
    ["periodic", "0", { mode: "off" }],
    ["periodic", "2", { mode: "periodic", retentionMs: 7_200_000 }],
    ["periodic", "5m", { mode: "periodic", retentionMs: 300_000 }],
    ["revision", "7", { mode: "revision", retentionRevisions: 7 }],
    ["revision", "0", { mode: "off" }],
    ["revision", "2us", { mode: "revision", retentionRevisions: 2000 }],
    ["periodic", "-1h", { mode: "off" }],
  ])("in mode %s means with %s: %j", (mode, retention, value) => {
    expect(readAutoCompaction(mode, retention)).toEqual({ kind: "ok", value });
  });

  it("that is neither number nor duration is refused", () => {
    expect(readAutoCompaction("periodic", "abc")).toEqual({
      kind: "error",
      message: 'error parsing CompactionRetention: time: invalid duration "abc"',
    });
  });
});
