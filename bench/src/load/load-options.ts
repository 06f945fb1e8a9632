import { BenchError } from "../bench-error.js";
import type { TlsOptions } from "../wire/transport.js";
import { KEY_BYTES_MIN } from "./key-space.js";

/** What a load does to a server: its width, its length and its data. */
export interface LoadOptions {
  /** "host:port" each; connections go round them. */
  readonly endpoints: readonly string[];
  readonly tls: TlsOptions | undefined;
  readonly connections: number;
  /** Calls at a time on each connection. */
  readonly streams: number;
  /** Calls a second of an open loop; undefined is a closed loop. */
  readonly ratePerSecond: number | undefined;
  readonly warmupSeconds: number;
  readonly seconds: number;
  readonly keyCount: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
  /** How much of a value can't be compressed, 0 to 1. */
  readonly entropy: number;
  readonly isSequential: boolean;
  readonly seed: number;
  /** Generator processes that share the connections, for a server that one can't keep busy. */
  readonly processes: number;
}

export const DEFAULT_LOAD: Omit<LoadOptions, "endpoints"> = {
  tls: undefined,
  connections: 20,
  streams: 50,
  ratePerSecond: undefined,
  warmupSeconds: 0.5,
  seconds: 3,
  keyCount: 100_000,
  keyBytes: 16,
  valueBytes: 256,
  entropy: 1,
  isSequential: false,
  seed: 1,
  processes: 1,
};

/** The largest value that fits etcd's request limit of 1.5 MiB with its key. */
const VALUE_BYTES_MAX = 1024 * 1024;

/** @throws BenchError "USAGE" */
export function checkLoadOptions(options: LoadOptions): LoadOptions {
  const whole: readonly (readonly [name: string, value: number, min: number, max: number])[] = [
    ["connections", options.connections, 1, 10_000],
    ["streams", options.streams, 1, 100_000],
    ["processes", options.processes, 1, Math.min(64, options.connections)],
    ["keys", options.keyCount, 1, 1_000_000_000],
    ["key-size", options.keyBytes, KEY_BYTES_MIN, 4096],
    ["value-size", options.valueBytes, 0, VALUE_BYTES_MAX],
  ];
  for (const [name, value, min, max] of whole) {
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new BenchError("USAGE", `--${name} ${value}: must be from ${min} to ${max}`);
    }
  }
  const { ratePerSecond } = options;
  if (ratePerSecond !== undefined && !(ratePerSecond > 0)) {
    throw new BenchError("USAGE", "--rate must be above 0");
  }
  if (!(options.warmupSeconds >= 0)) throw new BenchError("USAGE", "--warmup must not be below 0");
  if (!(options.seconds > 0)) throw new BenchError("USAGE", "--seconds must be above 0");
  if (!(options.entropy >= 0 && options.entropy <= 1)) {
    throw new BenchError("USAGE", "--entropy must be from 0 to 1");
  }
  if (options.endpoints.length === 0) throw new BenchError("USAGE", "no endpoint was given");
  return options;
}
