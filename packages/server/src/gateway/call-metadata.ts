import type { Metadata } from "@kvorum/grpc";
import type { PageRequest } from "../http/page.js";

const PREFIX = "grpc-metadata-";
const PRINTABLE = /^[\x20-\x7e]*$/;
const NAME = /^[-_.0-9a-z]+$/;
const NONE: readonly string[] = [];

/**
 * The metadata of a call that came as an HTTP request: `Authorization`, and each `Grpc-Metadata-X`
 * as x. That a gateway made the call is said too, as grpc-gateway says it, so that nobody takes a
 * certificate for the caller's name.
 */
export class CallMetadata implements Metadata {
  readonly #values = new Map<string, readonly string[]>();

  constructor(headers: PageRequest["headers"]) {
    this.#values.set("grpcgateway-accept", [headers.accept ?? ""]);
    for (const [name, value] of Object.entries(headers)) {
      const key = keyOf(name.toLowerCase());
      if (key === undefined || value === undefined) continue;
      const values = (typeof value === "string" ? [value] : value).filter((text) =>
        PRINTABLE.test(text),
      );
      this.#values.set(key, [...this.getAll(key), ...values]);
    }
  }

  get(name: string): string | undefined {
    return this.#values.get(name)?.[0];
  }

  getAll(name: string): readonly string[] {
    return this.#values.get(name) ?? NONE;
  }
}

function keyOf(header: string): string | undefined {
  if (header === "authorization") return header;
  if (!header.startsWith(PREFIX)) return undefined;
  const key = header.slice(PREFIX.length);
  return NAME.test(key) ? key : undefined;
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ...{ H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 },
};

/**
 * The milliseconds of a `Grpc-Timeout` header: Infinity for none and for zero, undefined for one
 * that is malformed. Longer than gRPC's own may be, and it may be negative. Source: grpc-gateway.
 */
export function readTimeoutMs(header: string | undefined): number | undefined {
  if (header === undefined || header === "") return Number.POSITIVE_INFINITY;
  const match = /^([-+]?[0-9]{1,19})([HMSmun])$/.exec(header);
  if (match === null) return undefined;
  const timeoutMs = Number(match[1]) * UNIT_MS[match[2]!]!;
  return timeoutMs === 0 ? Number.POSITIVE_INFINITY : timeoutMs;
}
