import { expect, test } from "vitest";
import { goJson, omitEmpty } from "./go-json.js";
import { goDuration, hex16, humanBytes, padded16 } from "./go-text.js";

test.each([
  [21.130663, "21.130663ms"],
  [0.0005, "500ns"],
  [0.25, "250µs"],
  [0, "0s"],
  [1_500, "1.5s"],
  [61_000, "1m1s"],
  [3_600_000, "1h0m0s"],
])("%d ms as a Go duration", (durationMs, expected) => {
  expect(goDuration(durationMs)).toBe(expected);
});

test.each([
  [0, "0 B"],
  [287, "287 B"],
  [16_384, "16 kB"],
  [20_480, "20 kB"],
  [21_500, "22 kB"],
  [2_147_483_648, "2.1 GB"],
])("%d bytes for people", (sizeBytes, expected) => {
  expect(humanBytes(sizeBytes)).toBe(expected);
});

test("ids have Go's widths", () => {
  expect(hex16(0x1234n)).toBe("0000000000001234");
  expect(hex16(-1n)).toBe("-000000000000001");
  expect(padded16(0x1234n)).toBe("            1234");
});

test("JSON has Go's numbers, bytes, escapes and omissions", () => {
  const value = {
    id: 15855413476075280080n,
    key: Buffer.from("foo"),
    text: "<a&b>\u2028",
    none: omitEmpty(0),
    list: [true, null],
  };
  expect(goJson(value)).toBe(
    '{"id":15855413476075280080,"key":"Zm9v","text":"\\u003ca\\u0026b\\u003e\\u2028","list":[true,null]}',
  );
});
