import { expect, test } from "vitest";
import { flag, parseFlag, parseInteger } from "./flags.js";

test.each([
  ["2s", 2_000],
  ["1m30s", 90_000],
  ["1.5h", 5_400_000],
  ["300ms", 300],
  ["10us", 0.01],
  ["-1s", -1_000],
  ["0", 0],
])("the duration %s is %d ms", (text, expected) => {
  expect(parseFlag("t", flag.duration("", 0), text)).toBeCloseTo(expected, 9);
});

test.each([
  [flag.int(""), "x", 'strconv.ParseInt: parsing "x": invalid syntax'],
  [
    flag.int(""),
    "99999999999999999999",
    'strconv.ParseInt: parsing "99999999999999999999": value out of range',
  ],
  [flag.uint(""), "-1", 'strconv.ParseUint: parsing "-1": invalid syntax'],
  [flag.bool(""), "maybe", 'strconv.ParseBool: parsing "maybe": invalid syntax'],
  [flag.duration("", 0), "5", 'time: missing unit in duration "5"'],
  [flag.duration("", 0), "5x", 'time: unknown unit "x" in duration "5x"'],
  [flag.duration("", 0), "x", 'time: invalid duration "x"'],
])("%o refuses %s as pflag does", (definition, text, reason) => {
  const message = `invalid argument "${text}" for "--f" flag: ${reason}`;
  expect(() => parseFlag("f", definition, text)).toThrow(message);
});

test("integers are read in base 16, and in Go's base 0", () => {
  const hex = { base: 16, isSigned: true, bits: 64 } as const;
  expect(parseInteger("694d5765fc71500b", hex)).toBe(0x694d5765fc71500bn);
  expect(parseInteger("-1f", hex)).toBe(-31n);
  expect(parseInteger("ffffffffffffffff", hex)).toBe("value out of range");
  expect(parseInteger("ffffffffffffffff", { ...hex, isSigned: false })).toBe(2n ** 64n - 1n);
  const base0 = { base: 0, isSigned: true, bits: 64 } as const;
  expect(parseInteger("0x10", base0)).toBe(16n);
  expect(parseInteger("017", base0)).toBe(15n);
  expect(parseInteger("017", { ...base0, base: 10 })).toBe(17n);
});
