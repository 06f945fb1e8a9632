import { utf8 } from "@kvorum/base";
import { describe, expect, test } from "vitest";
import { KEY_BYTES_MAX } from "../limits.js";
import type { Op } from "../port.js";
import { checkOps } from "./check-ops.js";

const opOf = (key: Uint8Array): Op => ({ bucket: "key", key, value: utf8("v") });

test("one commit may delete every key of a store of millions", () => {
  const ops = new Array<Op>(5_000_000).fill(opOf(utf8("k")));
  expect(() => checkOps(ops)).not.toThrow();
});

describe("a key must have", () => {
  test("a byte at least", () => {
    expect(() => checkOps([opOf(utf8(""))])).toThrow("a key has 0 bytes");
  });

  test("no more bytes than every engine takes", () => {
    expect(() => checkOps([opOf(Buffer.alloc(KEY_BYTES_MAX))])).not.toThrow();
    expect(() => checkOps([opOf(Buffer.alloc(KEY_BYTES_MAX + 1))])).toThrow("a key has");
  });
});
