import { expect, test } from "vitest";
import { readQuoted, splitWords } from "./go-words.js";

test.each([
  ["put key1 value", ["put", "key1", "value"]],
  ['put key1 "two words"', ["put", "key1", "two words"]],
  ["put 'a \"b' c", ["put", 'a "b', "c"]],
  ['put k "x\\x00\\n\\"\\\\"', ["put", "k", 'x\0\n"\\']],
  ['put k "\\u00e4\\U0001F600\\101"', ["put", "k", "\xc3\xa4\xf0\x9f\x98\x80A"]],
  ["  get   a  ", ["get", "a"]],
])("%s", (line, words) => {
  expect(splitWords(line)).toEqual(words);
});

test("a quoted word that is none of Go's can't be read", () => {
  expect(splitWords('put "\\q"')).toBeUndefined();
  expect(readQuoted('"open')).toBeUndefined();
  expect(readQuoted("plain")).toBeUndefined();
  expect(readQuoted('"\\ud800"')).toBeUndefined();
  expect(readQuoted("`raw\\n` rest")).toEqual({ text: "raw\\n", rest: " rest" });
});
