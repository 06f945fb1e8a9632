import { describe, expect, test } from "vitest";
import {
  VARINT_BYTES_MAX,
  varintEnd,
  varintSize,
  varintSize64,
  varintValue,
  varintValue64,
  writeVarint,
  writeVarint64,
} from "./varint.js";

/** Every power of two up to `bits` with its neighbours, where sizes and the ways of writing change. */
function numbersUpTo(bits: number): bigint[] {
  const powers = Array.from({ length: bits }, (_, bit) => 1n << BigInt(bit));
  return [0n, ...powers.flatMap((power) => [power - 1n, power, power + 1n])];
}

/** What the format says, digit by digit. */
function expectedBytes(value: bigint): number[] {
  const digits = BigInt.asUintN(64, value).toString(2);
  const groups = digits.padStart(Math.ceil(digits.length / 7) * 7, "0").match(/.{7}/g)!;
  return groups.reverse().map((group, i) => {
    return Number.parseInt(group, 2) + (i < groups.length - 1 ? 0x80 : 0);
  });
}

describe("varints", () => {
  test("of safe integers are written, measured and read", () => {
    for (const value of numbersUpTo(53).filter((value) => value < 1n << 53n)) {
      const bytes = Buffer.alloc(12);
      const end = writeVarint(bytes, 1, Number(value));
      expect([...bytes.subarray(1, end)]).toEqual(expectedBytes(value));
      expect(varintSize(Number(value))).toBe(end - 1);
      expect(varintEnd(bytes, 1, bytes.length)).toBe(end);
      expect(varintValue(bytes, 1, end)).toBe(Number(value));
    }
  });

  test("of 64 bits are written, measured and read, a negative one in ten bytes", () => {
    const values = numbersUpTo(64).flatMap((value) => [value, -value]);
    for (const value of values.filter((v) => v >= -(1n << 63n) && v < 1n << 64n)) {
      const bytes = Buffer.alloc(12);
      const end = writeVarint64(bytes, 1, value);
      expect([...bytes.subarray(1, end)]).toEqual(expectedBytes(value));
      expect(varintSize64(value)).toBe(end - 1);
      expect(varintValue64(bytes, 1, end)).toBe(BigInt.asUintN(64, value));
    }
    expect(varintSize64(-1n)).toBe(VARINT_BYTES_MAX);
  });

  test("have no end when they are cut short or too long", () => {
    const long = Buffer.alloc(VARINT_BYTES_MAX + 1, 0x80);
    long[VARINT_BYTES_MAX] = 0;
    expect(varintEnd(long, 0, long.length)).toBe(-1);
    expect(varintEnd(long, 1, long.length)).toBe(long.length);
    expect(varintEnd(long, 1, long.length - 1)).toBe(-1);
    expect(varintEnd(long, long.length, long.length)).toBe(-1);
  });

  test("above 64 bits lose what is too much, as in every decoder", () => {
    const bytes = Buffer.alloc(VARINT_BYTES_MAX, 0xff);
    bytes[VARINT_BYTES_MAX - 1] = 0x7f;
    expect(varintValue64(bytes, 0, bytes.length)).toBe((1n << 64n) - 1n);
  });
});
