import type { FlagStatus } from "./flags.js";
import { parseGoBool } from "./go-text.js";

export type GateStage = "ALPHA" | "BETA";

export interface Gate {
  readonly stage: GateStage;
  readonly default: boolean;
  /** As with flags: what happens when the gate is set to something else than its default. */
  readonly status: FlagStatus;
}

/** The gates of etcd 3.7 (server/features). To turn one on, write "supported". */
export const gates = {
  CompactHashCheck: { stage: "ALPHA", default: false, status: "supported" },
  FastLeaseKeepAlive: { stage: "BETA", default: true, status: "ignored" },
  InitialCorruptCheck: { stage: "ALPHA", default: false, status: "supported" },
  LeaseCheckpoint: { stage: "ALPHA", default: false, status: "supported" },
  LeaseCheckpointPersist: { stage: "ALPHA", default: false, status: "supported" },
  PriorityRequest: { stage: "ALPHA", default: false, status: "unsupported" },
  SetMemberLocalAddr: { stage: "ALPHA", default: false, status: "unsupported" },
  StopGRPCServiceOnDefrag: { stage: "ALPHA", default: false, status: "ignored" },
  TxnModeWriteWithSharedBuffer: { stage: "BETA", default: true, status: "ignored" },
} as const satisfies Record<string, Gate>;

export type GateName = keyof typeof gates;
export type FeatureGates = Readonly<Record<GateName, boolean>>;

export type GatesResult =
  | { readonly kind: "ok"; readonly value: FeatureGates }
  | { readonly kind: "error"; readonly message: string };

/** Names that stand for all gates of a stage. */
export const STAGE_OF_GROUP: Readonly<Record<string, GateStage>> = {
  AllAlpha: "ALPHA",
  AllBeta: "BETA",
};

/** Reads "A=true,B=false"; AllAlpha and AllBeta set every gate of the stage not named itself. */
export function parseFeatureGates(text: string): GatesResult {
  const given = new Map<string, boolean>();
  for (const part of text.split(",")) {
    const pair = part.trim();
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = (equals < 0 ? pair : pair.slice(0, equals)).trim();
    if (equals < 0) return { kind: "error", message: `missing bool value for ${name}` };
    const word = pair.slice(equals + 1).trim();
    const value = parseGoBool(word);
    if (value === undefined) {
      const cause = `strconv.ParseBool: parsing "${word}": invalid syntax`;
      return { kind: "error", message: `invalid value of ${name}=${word}, err: ${cause}` };
    }
    given.set(name, value);
  }
  for (const name of given.keys()) {
    if (!Object.hasOwn(gates, name) && !Object.hasOwn(STAGE_OF_GROUP, name)) {
      return { kind: "error", message: `unrecognized feature gate: ${name}` };
    }
  }
  return { kind: "ok", value: resolve(given) };
}

function resolve(given: ReadonlyMap<string, boolean>): FeatureGates {
  const result: Record<string, boolean> = {};
  for (const [name, gate] of Object.entries<Gate>(gates)) {
    const group = gate.stage === "ALPHA" ? "AllAlpha" : "AllBeta";
    result[name] = given.get(name) ?? given.get(group) ?? gate.default;
  }
  return result as FeatureGates;
}

/** The gates that differ from their default, in the table's order. */
export function changedGates(value: FeatureGates): readonly GateName[] {
  const names = Object.keys(gates) as GateName[];
  return names.filter((name) => value[name] !== gates[name].default);
}
