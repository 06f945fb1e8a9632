import { readFileSync } from "node:fs";
import { BackendError, ENGINE_NAMES } from "@kvorum/backends";
import { BenchError } from "../bench-error.js";
import { etcdTarget, findEtcd, kvorumTarget, type Target } from "../compare/target.js";
import { DEFAULT_LOAD, type LoadOptions } from "../load/load-options.js";
import type { TlsOptions } from "../wire/transport.js";
import type { Flags } from "./flags.js";

/** The servers that the flags name, the reference first. @throws BenchError "USAGE" */
export async function targetsOf(flags: Flags, keeps?: "persistent"): Promise<Target[]> {
  const engines = flags.engines?.split(",") ?? ENGINE_NAMES;
  const etcd = flags["no-etcd"] ? undefined : findEtcd(flags.etcd);
  const all = await Promise.all(engines.map(engineTarget));
  // An engine that was named is measured, whatever it keeps.
  const isWanted = (target: Target): boolean =>
    keeps === undefined || flags.engines !== undefined || target.isPersistent;
  return [...(etcd === undefined ? [] : [etcdTarget(etcd)]), ...all.filter(isWanted)];
}

async function engineTarget(engine: string): Promise<Target> {
  try {
    return await kvorumTarget(engine);
  } catch (cause) {
    if (!(cause instanceof BackendError)) throw cause;
    throw new BenchError("USAGE", cause.message.replace(/^--backend/, "--engines"), { cause });
  }
}

/** So short that all of a quick comparison ends within two minutes. */
const QUICK_LOAD = { ...DEFAULT_LOAD, warmupSeconds: 0.3, seconds: 0.7, keyCount: 10_000 };

export type Defaults = Pick<LoadOptions, "seconds" | "warmupSeconds" | "keyCount">;

/** A load that knows no endpoints yet. */
export type OpenEnded = Omit<LoadOptions, "endpoints">;

/** @param defaults where they differ from those of a comparison */
export function loadOptions(flags: Flags, defaults: Partial<Defaults> = {}): OpenEnded {
  const base = { ...(flags.quick ? QUICK_LOAD : DEFAULT_LOAD), ...defaults };
  return {
    tls: undefined,
    connections: numberOf("connections", flags.connections, base.connections),
    streams: numberOf("streams", flags.streams, base.streams),
    ratePerSecond: flags.rate === undefined ? undefined : numberOf("rate", flags.rate, 0),
    warmupSeconds: numberOf("warmup", flags.warmup, base.warmupSeconds),
    seconds: numberOf("seconds", flags.seconds, base.seconds),
    keyCount: numberOf("keys", flags.keys, base.keyCount),
    keyBytes: numberOf("key-size", flags["key-size"], base.keyBytes),
    valueBytes: numberOf("value-size", flags["value-size"], base.valueBytes),
    entropy: numberOf("entropy", flags.entropy, base.entropy),
    isSequential: flags.sequential ?? base.isSequential,
    seed: numberOf("seed", flags.seed, base.seed),
    processes: numberOf("processes", flags.processes, base.processes),
  };
}

/** @throws BenchError "USAGE" */
export function numberOf(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (text.trim() === "" || Number.isNaN(value)) {
    throw new BenchError("USAGE", `--${name} ${JSON.stringify(text)} is no number`);
  }
  return value;
}

/** Whole numbers from 1 that grow. @throws BenchError "USAGE" */
export function numbersOf(
  name: string,
  text: string | undefined,
  fallback: readonly number[],
): readonly number[] {
  if (text === undefined) return fallback;
  const values = text.split(",").map((part) => numberOf(name, part, 0));
  if (values.some((value, i) => !Number.isInteger(value) || value <= (values[i - 1] ?? 0))) {
    throw new BenchError("USAGE", `--${name} ${text}: whole numbers that grow, such as 10,100`);
  }
  return values;
}

/** A whole number of rounds from 1. @throws BenchError "USAGE" */
export function roundsOf(flags: Flags, fallback: number): number {
  const rounds = numberOf("rounds", flags.rounds, fallback);
  if (Number.isInteger(rounds) && rounds >= 1) return rounds;
  throw new BenchError("USAGE", `--rounds ${rounds}: must be a whole number from 1`);
}

/** How `load` proves servers that somebody else runs. */
export function tlsOptions(flags: Flags): TlsOptions | undefined {
  const { cacert, cert, key } = flags;
  const skipVerify = flags["insecure-skip-tls-verify"] ?? false;
  if (!flags.tls && !skipVerify && cacert === undefined && cert === undefined) return undefined;
  return {
    ca: read("cacert", cacert),
    cert: read("cert", cert),
    key: read("key", key),
    skipVerify,
  };
}

function read(name: string, path: string | undefined): Buffer | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new BenchError("USAGE", `--${name} ${path} can't be read`, { cause });
  }
}
