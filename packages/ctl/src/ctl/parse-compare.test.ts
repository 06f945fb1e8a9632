import { compare } from "@kvorum/client";
import { expect, test } from "vitest";
import { parseCompare } from "./parse-compare.js";

test.each([
  ['mod("key1") > "0"', compare.modRevision("key1", ">", 0)],
  ['m("key1") = "12"', compare.modRevision("key1", "=", 12)],
  ['create("k") != "3"', compare.createRevision("k", "!=", 3)],
  ['c("k") < "3"', compare.createRevision("k", "<", 3)],
  ['version("k") = "1"', compare.version("k", "=", 1)],
  ['ver("k") = "1"', compare.version("k", "=", 1)],
  ['value("k") = "a b"', compare.value("k", "=", "a b")],
  ['val("\\xff") = ""', compare.value(Buffer.from([0xff]), "=", "")],
  ['lease("k") = "1f"', compare.lease("k", "=", 31n)],
])("%s", (line, expected) => {
  expect(parseCompare(line)).toEqual(expected);
});

test.each([
  ["foo", "malformed comparison: foo"],
  ['bad("a") = "1"', 'malformed comparison: bad("a") = "1" (unknown target bad)'],
  ['mod("a") = 1', 'malformed comparison: mod("a") = 1; got mod("a") = ""'],
  ['mod("a") = "x"', 'invalid txn compare request: mod("a") = "x"'],
])("%s is refused with etcdctl's text", (line, message) => {
  expect(() => parseCompare(line)).toThrow(message);
});
