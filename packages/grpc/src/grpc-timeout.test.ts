import { expect, it } from "vitest";
import { percentEncode } from "./grpc-status.js";
import { parseGrpcTimeout } from "./grpc-timeout.js";

it.each([
  ["1H", 3_600_000],
  ["2M", 120_000],
  ["3S", 3_000],
  ["4999m", 4_999],
  ["1500u", 1.5],
  ["5000n", 0.005],
  ["0m", 0],
  ["99999999H", 99_999_999 * 3_600_000],
])("reads grpc-timeout %s", (text, ms) => {
  expect(parseGrpcTimeout(text)).toBeCloseTo(ms, 9);
});

it.each(["", "S", "1", "1s", "-1S", "1.5S", "123456789S", " 1S", "1S\n", "0x1S"])(
  "refuses grpc-timeout %j",
  (text) => {
    expect(parseGrpcTimeout(text)).toBeUndefined();
  },
);

it.each([
  ["etcdserver: key is not provided", "etcdserver: key is not provided"],
  ["100%", "100%25"],
  ["a\nb", "a%0Ab"],
  ["schlüssel \u{1f600}", "schl%C3%BCssel %F0%9F%98%80"],
  ["\x7f", "%7F"],
])("percent-encodes %j", (message, encoded) => {
  expect(percentEncode(message)).toBe(encoded);
});
