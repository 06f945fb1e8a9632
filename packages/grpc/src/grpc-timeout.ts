/** Milliseconds of one unit of grpc-timeout. */
const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/**
 * The value of grpc-timeout in milliseconds, or undefined when it is malformed: up to eight digits
 * and a unit. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Timeout"
 */
export function parseGrpcTimeout(text: string): number | undefined {
  if (!/^[0-9]{1,8}[HMSmun]$/.test(text)) return undefined;
  return Number(text.slice(0, -1)) * UNIT_MS[text.slice(-1)]!;
}
