import type { Prng } from "@kvorum/base";
import type { HostTuning } from "./host.js";

/** How rough one simulated run is. Weights are parts of the sum of all weights. */
export interface Weather {
  readonly weights: Readonly<Record<ActionName, number>>;
  /** How many of the oldest messages on their way may be the next to arrive. */
  readonly reorderWindow: number;
  readonly repeatPercent: number;
  readonly lossPercentMax: number;
}

export type ActionName =
  | "deliver"
  | "tick"
  | "take"
  | "save"
  | "apply"
  | "propose"
  | "read"
  | "changeMembers"
  | "partition"
  | "join"
  | "crash"
  | "transfer"
  | "compact"
  | "unreachable"
  | "loss";

/** Each run has its own climate: rare events meet only where some of them are frequent. */
export function drawWeather(prng: Prng): Weather {
  const pick = (values: readonly number[]): number => values[prng.below(values.length)]!;
  const weights = {
    deliver: pick([250, 420]),
    tick: pick([20, 30, 80]),
    take: 180,
    save: pick([60, 170]),
    apply: pick([20, 100]),
    propose: 40,
    read: pick([20, 60]),
    changeMembers: pick([10, 60]),
    partition: pick([0, 1, 4]),
    join: pick([2, 6]),
    crash: pick([0, 3, 20]),
    transfer: pick([0, 2]),
    compact: pick([0, 4]),
    unreachable: 3,
    loss: 3,
  };
  return {
    weights,
    reorderWindow: pick([2, 20, 1_000]),
    repeatPercent: pick([0, 5, 20]),
    lossPercentMax: pick([0, 30]),
  };
}

/** Small bounds make flow control and paging happen with few entries. */
export function drawTuning(prng: Prng): HostTuning {
  const pick = <Item>(values: readonly Item[]): Item => values[prng.below(values.length)]!;
  return {
    preVote: pick([true, false]),
    checkQuorum: pick([true, false]),
    electionTicks: pick([3, 6]),
    messageBytesMax: pick([1, 30, 1 << 20]),
    inflightMessagesMax: pick([1, 3, 512]),
    inflightBytesMax: pick([0, 10]),
    uncommittedBytesMax: pick([0, 40]),
    committedBytesMax: pick([1, 40, 1 << 20]),
  };
}
