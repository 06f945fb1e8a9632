import { expect, test } from "vitest";
import { goQuote } from "./go-quote.js";

test.each([
  ["foo", '"foo"'],
  ['b"a\\z', '"b\\"a\\\\z"'],
  ["\x00\x07\b\t\n\v\f\r\x1b\x7f", '"\\x00\\a\\b\\t\\n\\v\\f\\r\\x1b\\x7f"'],
  ["ä😀", '"ä😀"'],
  ["\u00a0\u200b\u{e000}", '"\\u00a0\\u200b\\ue000"'],
  [Buffer.from([0x61, 0xff, 0xc3]), '"a\\xff\\xc3"'],
])("%%q of %j", (text, expected) => {
  expect(goQuote(text)).toBe(expected);
});

test("a single character's marks", () => {
  expect([goQuote("'", "'"), goQuote('"', "'")]).toEqual(["'\\''", "'\"'"]);
});
