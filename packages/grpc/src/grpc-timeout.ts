const ZERO = 0x30;
const NINE = 0x39;
const DIGITS_MAX = 8;

/**
 * The value of grpc-timeout in milliseconds, or undefined when it is malformed: up to eight digits
 * and a unit. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Timeout"
 */
export function parseGrpcTimeout(text: string): number | undefined {
  const digits = text.length - 1;
  if (digits < 1 || digits > DIGITS_MAX) return undefined;
  let value = 0;
  for (let i = 0; i < digits; i++) {
    const code = text.charCodeAt(i);
    if (code < ZERO || code > NINE) return undefined;
    value = value * 10 + code - ZERO;
  }
  switch (text[digits]) {
    case "H":
      return value * 3_600_000;
    case "M":
      return value * 60_000;
    case "S":
      return value * 1_000;
    case "m":
      return value;
    case "u":
      return value / 1e3;
    case "n":
      return value / 1e6;
    default:
      return undefined;
  }
}
