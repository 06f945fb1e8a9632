import { expect, test } from "vitest";
import { inflateSnappy } from "./snappy.js";

test.each([
  ["a literal", `0b28${hex("hello world")}`, "hello world"],
  ["a short copy", `0a04${hex("ab")}1102`, "ababababab"],
  ["a copy with two offset bytes", `080c${hex("abcd")}0e0400`, "abcdabcd"],
  ["a copy with four offset bytes", `080c${hex("abcd")}0f04000000`, "abcdabcd"],
])("%s", (_, packed, plain) => {
  expect(inflateSnappy(Buffer.from(packed, "hex")).toString()).toBe(plain);
});

test("a literal whose length takes a byte of its own", () => {
  const text = "x".repeat(100);
  const packed = Buffer.concat([Buffer.from("64f063", "hex"), Buffer.from(text)]);
  expect(inflateSnappy(packed).toString()).toBe(text);
});

function hex(text: string): string {
  return Buffer.from(text).toString("hex");
}
